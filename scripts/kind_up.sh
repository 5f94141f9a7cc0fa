#!/usr/bin/env bash
# A kind cluster `sentiment` with KServe and our images in it. Safe to run again.
#   KIND_NODE_IMAGE  the node's image
#   KSERVE_INSTALL   see k8s/install-kserve.sh
set -euo pipefail
cd "$(dirname "$0")/.."
for program in docker kind kubectl helm; do
  command -v "$program" > /dev/null || {
    echo "error: $program is not installed; the cluster needs docker, kind, kubectl and helm 4" >&2
    exit 2
  }
done
mkdir -p var/kind # the node's mount; docker would make one that belongs to root
if ! kind get clusters 2> /dev/null | grep -qx sentiment; then
  kind create cluster --name sentiment --image "${KIND_NODE_IMAGE:-kindest/node:v1.34.3}" --config k8s/kind.yaml --wait 300s
fi
kubectl config use-context kind-sentiment > /dev/null
k8s/install-kserve.sh

tag=${IMAGE_TAG:-$(sed -n 's/^appVersion: *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' charts/sentiment/Chart.yaml)}
for name in server drift mlflow training frontend; do
  image=sentiment/$name:$tag
  id=$(docker image inspect --format '{{.Id}}' "$image" 2> /dev/null || true)
  if [ -z "$id" ]; then
    echo "error: there is no image $image: make images builds it" >&2
    exit 2
  elif docker exec sentiment-control-plane crictl inspecti "docker.io/$image" 2> /dev/null | grep -q "$id"; then
    echo "$image is loaded already"
  else
    kind load docker-image "$image" --name sentiment
  fi
done
