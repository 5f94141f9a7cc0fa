#!/usr/bin/env bash
# Make the namespace and the Secrets that the manifests refer to; a Secret that is there is kept.
#   --print  write them to standard output and leave the cluster alone
set -euo pipefail
namespace=sentiment
random() { # of so many letters and digits
  LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c "$1" || true
}

namespace_object() {
  cat << YAML
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
YAML
}

head_of() { # component
  cat << YAML
apiVersion: v1
kind: Secret
metadata:
  name: sentiment-$1
  namespace: $namespace
  labels:
    app.kubernetes.io/name: sentiment
    app.kubernetes.io/instance: sentiment
    app.kubernetes.io/component: $1
    app.kubernetes.io/part-of: sentiment
YAML
}

postgres() {
  local password
  password=$(random 32)
  head_of postgres
  cat << YAML
type: Opaque
stringData:
  username: sentiment
  password: $password
  database: sentiment
  host: sentiment-postgres
  port: "5432"
  DATABASE_URL: postgresql://sentiment:$password@sentiment-postgres:5432/sentiment
YAML
}

object-store() {
  head_of object-store
  cat << YAML
  annotations:
    serving.kserve.io/s3-endpoint: sentiment-object-store:9000
    serving.kserve.io/s3-usehttps: "0"
    serving.kserve.io/s3-verifyssl: "0"
    serving.kserve.io/s3-region: us-east-1
    serving.kserve.io/s3-useanoncredential: "false"
type: Opaque
stringData:
  AWS_ACCESS_KEY_ID: $(random 20)
  AWS_SECRET_ACCESS_KEY: $(random 40)
YAML
}

grafana() {
  head_of grafana
  cat << YAML
type: Opaque
stringData:
  admin-user: admin
  admin-password: $(random 32)
YAML
}

if [ "${1:-}" = --print ]; then
  namespace_object
  for secret in postgres object-store grafana; do
    echo ---
    $secret
  done
  exit 0
fi
namespace_object | kubectl apply --server-side --filename -
for secret in postgres object-store grafana; do
  if kubectl --namespace $namespace get secret "sentiment-$secret" > /dev/null 2>&1; then
    echo "secret/sentiment-$secret is kept"
  else
    $secret | kubectl create --filename -
  fi
done
