#!/usr/bin/env bash
# Remove the chart's release; print what is kept on purpose, and how to remove it too.
#   NAMESPACE  (sentiment)    RELEASE  the release's name (sentiment)
set -euo pipefail
namespace=${NAMESPACE:-sentiment}
release=${RELEASE:-sentiment}
helm uninstall "$release" --namespace "$namespace" --wait --timeout 5m
selector="app.kubernetes.io/name=sentiment,app.kubernetes.io/instance=$release"
kept=$(kubectl --namespace "$namespace" get pvc,secrets --selector "$selector" --output name)
if [ -n "$kept" ]; then
  echo "kept, with the data and the passwords that belong to it:"
  echo "$kept" | sed 's/^/  /'
  echo "to remove it for good:"
  echo "  kubectl --namespace $namespace delete pvc,secrets --selector $selector"
fi
