#!/usr/bin/env bash
# Build our images, or push them, and print their sizes.
#   scripts/images.sh build | push   [server training drift mlflow frontend]
#   IMAGE_REGISTRY  prefix such as registry.example/team (none)
#   IMAGE_TAG       (the chart's appVersion)
#   TORCH_INDEX     where the trainer's torch comes from (PyTorch's CPU index)
#   NPM_REGISTRY    where the page's packages come from (npm's own registry)
#   DOCKER_BUILD_ARGS  further arguments of `docker build`
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A dockerfile=(
  [server]=model_server/Dockerfile
  [training]=training_job/Dockerfile
  [drift]=drift_cronjob/Dockerfile
  [mlflow]=k8s/mlflow/Dockerfile
  [frontend]=frontend/Dockerfile
)
action=${1:-build}
shift || true
tag=${IMAGE_TAG:-$(sed -n 's/^appVersion: *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' charts/sentiment/Chart.yaml)}
prefix=${IMAGE_REGISTRY:+${IMAGE_REGISTRY%/}/}sentiment
commit=$(git rev-parse HEAD 2> /dev/null || true)

[ $# -gt 0 ] || set -- server training drift mlflow frontend
for name in "$@"; do
  if [ -z "${dockerfile[$name]:-}" ]; then
    echo "error: there is no image $name; take of: ${!dockerfile[*]}" >&2
    exit 2
  fi
  image="$prefix/$name:$tag"
  case $action in
    build)
      echo "building $image"
      arguments=(--file "${dockerfile[$name]}" --tag "$image" --build-arg "GIT_COMMIT=$commit")
      if [ "$name" = training ] && [ -n "${TORCH_INDEX:-}" ]; then
        arguments+=(--build-arg "TORCH_INDEX=$TORCH_INDEX")
      fi
      if [ "$name" = frontend ] && [ -n "${NPM_REGISTRY:-}" ]; then
        arguments+=(--build-arg "NPM_REGISTRY=$NPM_REGISTRY")
      fi
      # shellcheck disable=SC2086 # the user's arguments are words
      DOCKER_BUILDKIT=1 docker build --quiet "${arguments[@]}" ${DOCKER_BUILD_ARGS:-} . > /dev/null
      ;;
    push) docker push "$image" ;;
    *)
      echo "error: build or push, not $action" >&2
      exit 2
      ;;
  esac
done
[ "$action" = build ] || exit 0

# The image that a Dockerfile's last stage starts from: the default of the argument that names it.
base_of() {
  local argument
  argument=$(sed -n 's/^FROM \${\([A-Z_]*\)}$/\1/p' "$1" | tail -n 1)
  sed -n "s/^ARG $argument=//p" "$1"
}

{
  echo "image own-MB all-MB"
  for name in "$@"; do
    base=$(docker image inspect --format '{{.Size}}' "$(base_of "${dockerfile[$name]}")" 2> /dev/null || echo 0)
    size=$(docker image inspect --format '{{.Size}}' "$prefix/$name:$tag")
    echo "$prefix/$name:$tag $(((size - base) / 1000000)) $((size / 1000000))"
  done
} | column -t
