{{/*
Checks beyond the schema: values that contradict each other. Each message is one sentence with the key and the remedy.
Arguments: the root.
*/}}
{{- define "sentiment.checkValues" -}}
{{- $values := .Values -}}
{{- $postgres := $values.postgres -}}
{{- if and $postgres.enabled (or $postgres.external.host $postgres.external.existingSecret $postgres.external.readPorts) -}}
{{- fail "postgres.enabled is true and postgres.external is filled in: set postgres.enabled=false to use your database, or empty postgres.external.host, postgres.external.existingSecret and postgres.external.readPorts to use the bundled one." -}}
{{- end -}}
{{- if and (not $postgres.enabled) (not $postgres.external.existingSecret) -}}
{{- fail "postgres.external.existingSecret is empty while postgres.enabled is false: name a Secret whose key DATABASE_URL holds postgresql://user:password@host:5432/database." -}}
{{- end -}}
{{- $store := $values.objectStore -}}
{{- if and (eq $store.engine "minio") $store.endpoint -}}
{{- fail "objectStore.endpoint is set while objectStore.engine is minio: set objectStore.engine=external to use your object store, or empty objectStore.endpoint to use the bundled one." -}}
{{- end -}}
{{- if and (eq $store.engine "external") $store.endpoint (not $store.existingSecret) -}}
{{- fail "objectStore.existingSecret is empty while objectStore.endpoint is set: name a Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY." -}}
{{- end -}}
{{- if and $values.mlflow.enabled $values.mlflow.external.uri -}}
{{- fail "mlflow.enabled is true and mlflow.external.uri is set: set mlflow.enabled=false to use your MLflow, or empty mlflow.external.uri to use the bundled one." -}}
{{- end -}}
{{- if and (eq $values.server.autoscaling.engine "keda") (not $values.prometheus.enabled) (not $values.server.autoscaling.prometheusUrl) -}}
{{- fail "server.autoscaling.prometheusUrl is empty while server.autoscaling.engine is keda and prometheus.enabled is false: give the address of the Prometheus for KEDA." -}}
{{- end -}}
{{- if and (ne $values.server.autoscaling.engine "none") (lt (int $values.server.autoscaling.maxReplicas) (int $values.server.replicas)) -}}
{{- fail (printf "server.autoscaling.maxReplicas (%d) is below server.replicas (%d): raise the first or lower the second." (int $values.server.autoscaling.maxReplicas) (int $values.server.replicas)) -}}
{{- end -}}
{{- include "sentiment.checkUri" (dict "key" "server.storageUri" "uri" $values.server.storageUri) -}}
{{- include "sentiment.checkExperiments" . -}}
{{- if and $values.gateway.enabled (not $values.gateway.name) -}}
{{- fail "gateway.name is empty while gateway.enabled is true: name the Gateway that the HTTPRoute belongs to." -}}
{{- end -}}
{{- include "sentiment.checkObservability" . -}}
{{- $data := $values.training.data -}}
{{- if and $data.existingClaim $data.configMap -}}
{{- fail "training.data.existingClaim and training.data.configMap are both set: empty one of them, because one volume is mounted." -}}
{{- end -}}
{{- if regexMatch "^/(tmp|app|var|proc|sys|dev|etc)(/|$)" $data.mountPath -}}
{{- fail (printf "training.data.mountPath is %s, a folder that the container uses itself: choose another, such as /data." $data.mountPath) -}}
{{- end -}}
{{- if and (hasPrefix "/" $data.train) (not (or $data.existingClaim $data.configMap)) -}}
{{- fail (printf "training.data.train is the path %q and no volume is mounted: name one in training.data.existingClaim or training.data.configMap, or give s3://… or hub:NAME." $data.train) -}}
{{- end -}}
{{- if and (hasPrefix "/" $data.train) (not (hasPrefix (printf "%s/" (trimSuffix "/" $data.mountPath)) $data.train)) -}}
{{- fail (printf "training.data.train is the path %q, outside of training.data.mountPath (%s): give a path below it." $data.train $data.mountPath) -}}
{{- end -}}
{{- if and $values.drift.retrain.enabled (not $values.training.enabled) -}}
{{- fail "drift.retrain.enabled is true while training.enabled is false: set training.enabled=true, because the verdict starts a Job of its CronJob." -}}
{{- end -}}
{{- end -}}

{{/* Observability: alerts and queries need a destination. Arguments: the root. */}}
{{- define "sentiment.checkObservability" -}}
{{- $alerts := .Values.alertmanager -}}
{{- $sent := or $alerts.slackChannel $alerts.webhook -}}
{{- if and $alerts.enabled $sent (not $alerts.existingSecret) -}}
{{- fail "alertmanager.existingSecret is empty while alertmanager.slackChannel or alertmanager.webhook is set: name a Secret with the receivers' addresses, slack-url and webhook-url, or no alert is sent." -}}
{{- end -}}
{{- if and $alerts.enabled $alerts.existingSecret (not $sent) -}}
{{- fail "alertmanager.existingSecret is set and no receiver is: set alertmanager.slackChannel to a channel or alertmanager.webhook=true, or empty alertmanager.existingSecret." -}}
{{- end -}}
{{- if and .Values.prometheus.enabled .Values.prometheus.operator.enabled -}}
{{- fail "prometheus.operator.enabled and prometheus.enabled are both true: set prometheus.enabled=false to leave the alerts to your operator's Prometheus, or prometheus.operator.enabled=false to use the bundled one." -}}
{{- end -}}
{{- if and .Values.grafana.enabled (not .Values.prometheus.enabled) (not .Values.grafana.prometheusUrl) -}}
{{- fail "grafana.prometheusUrl is empty while prometheus.enabled is false: give the address of the Prometheus for Grafana, or set grafana.enabled=false." -}}
{{- end -}}
{{- end -}}

{{/* Experiments: distinct names, weights of at most 100 in total, and releases for the graph. */}}
{{- define "sentiment.checkExperiments" -}}
{{- $server := .Values.server -}}
{{- $names := list -}}
{{- $answering := list -}}
{{- range $server.experiments -}}
{{- if has .name $names -}}
{{- fail (printf "server.experiments has the name %q twice: give each experiment a different name." .name) -}}
{{- end -}}
{{- if has .name (list "champion" "server" "graph" "average") -}}
{{- fail (printf "server.experiments has the name %q, which the chart uses itself: choose another." .name) -}}
{{- end -}}
{{- include "sentiment.checkUri" (dict "key" (printf "server.experiments (%s)" .name) "uri" .storageUri) -}}
{{- if and .shadow .weight -}}
{{- fail (printf "server.experiments: %q is a shadow and has a weight: leave one of them out, because a shadow's answers are dropped." .name) -}}
{{- end -}}
{{- if and .shadow (not $.Values.gateway.enabled) -}}
{{- fail (printf "server.experiments: %q has shadow: true, and only a gateway copies requests: set gateway.enabled=true with gateway.name, or remove the experiment." .name) -}}
{{- end -}}
{{- if and .weight (not $.Values.gateway.enabled) (ne $server.graph.mode "split") -}}
{{- fail (printf "server.experiments: %q has a weight and nothing divides the requests: set server.graph.mode=split or gateway.enabled=true, or leave the weight out." .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- if not .shadow }}{{ $answering = append $answering .name }}{{ end -}}
{{- end -}}
{{- range $key, $name := dict "server.tls.existingSecret" $server.tls.existingSecret "server.apiKeys.existingSecret" $server.apiKeys.existingSecret -}}
{{- if and $name (ne $server.graph.mode "none") -}}
{{- fail (printf "%s is set while server.graph.mode is %s: set server.graph.mode=none, because KServe's router calls releases in plain text and without a key, or empty the first." $key $server.graph.mode) -}}
{{- end -}}
{{- end -}}
{{- if lt (int (include "sentiment.championWeight" .)) 0 -}}
{{- fail "server.experiments: the weights add up to more than 100: lower them, because the promoted release gets what they leave." -}}
{{- end -}}
{{- if and (ne $server.graph.mode "none") (not $answering) -}}
{{- fail (printf "server.graph.mode is %s and server.experiments has no release that answers: add one with a name and a storageUri, or set server.graph.mode=none." $server.graph.mode) -}}
{{- end -}}
{{- end -}}

{{/* The address of a release that a server can start from. Arguments: dict key uri. */}}
{{- define "sentiment.checkUri" -}}
{{- if and .uri (not (regexMatch "^s3://[a-z0-9][a-z0-9.-]+(/[A-Za-z0-9._-]+)*/releases/[0-9a-f]{16}/serving/?$" .uri)) -}}
{{- fail (printf "%s is %q: give s3://BUCKET/PREFIX/NAME/releases/ID/serving, where ID has 16 hex digits." .key .uri) -}}
{{- end -}}
{{- end -}}
