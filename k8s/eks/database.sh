#!/usr/bin/env bash
# Give the programs their own database user, and put its DATABASE_URL into the Secret that values-eks.yaml names.
# Run again, it keeps the password that the Secret has. The administrator's password goes from Secrets Manager into one
# pod's standard input; neither password is shown, stored in a file or seen in a list of processes.
#   DATABASE_IMAGE  an image with psql (postgres:17-trixie)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
image=${DATABASE_IMAGE:-postgres:17-trixie}
secret=sentiment-database
user=sentiment
pod=sentiment-database-setup

output() { terraform -chdir="$here" output -raw "$1"; }
namespace=$(output namespace)
region=$(output region)
host=$(output database_host)
arn=$(output database_secret_arn)

if ! kubectl get namespace "$namespace" > /dev/null 2>&1; then
  echo "error: there is no namespace $namespace: kubectl create namespace $namespace" >&2
  exit 2
fi

url=$(kubectl --namespace "$namespace" get secret "$secret" --ignore-not-found --output 'jsonpath={.data.DATABASE_URL}' \
  | base64 --decode)
if [ -n "$url" ]; then
  echo "keeping the password of the Secret $secret"
  password=${url#*://*:}
  password=${password%%@*}
else
  password=$(openssl rand -hex 24)
fi

# A pod by the standard `restricted`. It is in no component, so that no NetworkPolicy of the chart holds it back.
overrides=$(printf '{
  "spec": {
    "automountServiceAccountToken": false,
    "securityContext": {
      "runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}
    },
    "containers": [{
      "name": "%s",
      "env": [
        {"name": "PGHOST", "value": "%s"}, {"name": "PGDATABASE", "value": "postgres"},
        {"name": "PGSSLMODE", "value": "require"}, {"name": "PGCONNECT_TIMEOUT", "value": "15"}
      ],
      "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}
    }]
  }
}' "$pod" "$host")

# The first two lines of its input are the administrator's name and password, all others are SQL.
# shellcheck disable=SC2016 # the pod's shell expands them
program='IFS= read -r PGUSER; IFS= read -r PGPASSWORD; export PGUSER PGPASSWORD
exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1'

# One that an interrupted run has left.
kubectl --namespace "$namespace" delete pod "$pod" --ignore-not-found --wait > /dev/null

echo "making the user $user and the databases sentiment and mlflow on $host"
{
  aws secretsmanager get-secret-value --region "$region" --secret-id "$arn" --query SecretString --output text \
    | python3 -c 'import json, sys; found = json.load(sys.stdin); print(found["username"]); print(found["password"])'
  printf "\\\\set user '%s'\n\\\\set password '%s'\n" "$user" "$password"
  cat "$here/database.sql"
} | kubectl --namespace "$namespace" run "$pod" --image "$image" --restart Never --rm --stdin --quiet \
  --override-type strategic --overrides "$overrides" --command -- sh -c "$program"

# `require` encrypts; RDS' own authority is in none of our images, so the server's name is not checked.
printf 'DATABASE_URL=postgresql://%s:%s@%s:5432/sentiment?sslmode=require\n' "$user" "$password" "$host" \
  | kubectl --namespace "$namespace" create secret generic "$secret" --from-env-file /dev/stdin \
    --dry-run=client --output yaml \
  | kubectl apply --filename -
