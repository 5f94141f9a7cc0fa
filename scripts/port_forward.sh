#!/usr/bin/env bash
# Bring the parts of the installation to fixed ports of this machine until Ctrl-C; a broken forward is started again.
#   NAMESPACE  (sentiment)    RELEASE  the prefix of the objects' names (sentiment)
set -uo pipefail
namespace=${NAMESPACE:-sentiment}
release=${RELEASE:-sentiment}
# name, target, local port, its port, address
parts="
Page       svc/$release-frontend      8088 80   http://localhost:8088
API        svc/$release-predictor     8080 80   http://localhost:8080/predict
gRPC       deploy/$release-predictor  8081 8081 localhost:8081
MLflow     svc/$release-mlflow        5000 5000 http://localhost:5000
Grafana    svc/$release-grafana       3000 3000 http://localhost:3000
Prometheus svc/$release-prometheus    9090 9090 http://localhost:9090
Alerts     svc/$release-alertmanager  9093 9093 http://localhost:9093
Objects    svc/$release-object-store  9001 9001 http://localhost:9001
Monitor    svc/$release-monitor       8090 8090 http://localhost:8090/api/status
"
kubectl --namespace "$namespace" get pods > /dev/null || exit 2

keep() { # target local remote
  while true; do
    kubectl --namespace "$namespace" port-forward "$1" "$2:$3" > /dev/null 2>&1
    sleep 1
  done
}
trap 'trap - EXIT INT TERM; kill 0' EXIT INT TERM
while read -r name target local remote address; do
  [ -n "$name" ] || continue
  if kubectl --namespace "$namespace" get "$target" > /dev/null 2>&1; then
    printf '%-11s %s\n' "$name" "$address"
    keep "$target" "$local" "$remote" &
  else
    printf '%-11s not there (no %s in %s)\n' "$name" "$target" "$namespace"
  fi
done <<< "$parts"
echo "Ctrl-C ends it"
wait
