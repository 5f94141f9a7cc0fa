#!/usr/bin/env bash
# Install KServe in Standard mode (plain Deployments: no Istio, no Knative) unless the cluster has it.
#   KSERVE_INSTALL  a command that installs it in another way, where the registry cannot be reached
set -euo pipefail
version=v0.20.0
certificates=v1.19.1
if kubectl get crd inferenceservices.serving.kserve.io > /dev/null 2>&1 \
  && kubectl --namespace kserve get deployment kserve-controller-manager > /dev/null 2>&1; then
  echo "KServe is already installed"
  exit 0
fi
if [ -n "${KSERVE_INSTALL:-}" ]; then
  echo "installing KServe by $KSERVE_INSTALL"
  exec $KSERVE_INSTALL
fi
if ! kubectl get crd certificates.cert-manager.io > /dev/null 2>&1; then
  echo "installing cert-manager $certificates, which signs KServe's webhooks"
  helm upgrade --install cert-manager oci://quay.io/jetstack/charts/cert-manager --version "$certificates" \
    --namespace cert-manager --create-namespace --set crds.enabled=true --wait
fi
echo "installing KServe $version"
helm upgrade --install kserve-crd oci://ghcr.io/kserve/charts/kserve-crd --version "$version" \
  --namespace kserve --create-namespace --wait
# The webhooks may refuse the chart's first objects until their certificate is issued.
for attempt in 1 2; do
  helm upgrade --install kserve oci://ghcr.io/kserve/charts/kserve-resources --version "$version" --namespace kserve \
    --set kserve.controller.deploymentMode=Standard \
    --set kserve.controller.gateway.ingressGateway.enableGatewayApi=false \
    --set kserve.controller.gateway.disableIngressCreation=true --wait && break
  [ "$attempt" = 1 ] || exit 1
  echo "KServe was not installed; retrying in 5 s"
  sleep 5
done
