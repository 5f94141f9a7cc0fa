{{/* Checks that need a cluster; skipped without one (helm template, helm lint). Arguments: the root. */}}
{{- define "sentiment.checkCluster" -}}
{{- if include "sentiment.online" . -}}
{{- include "sentiment.checkApis" . -}}
{{- include "sentiment.checkNeighbours" . -}}
{{- include "sentiment.checkNamed" . -}}
{{- end -}}
{{- end -}}

{{/* APIs of controllers that are installed separately. */}}
{{- define "sentiment.checkApis" -}}
{{- $apis := .Capabilities.APIVersions -}}
{{- if not (and ($apis.Has "serving.kserve.io/v1beta1") ($apis.Has "serving.kserve.io/v1alpha1")) -}}
{{- fail "KServe is not installed in this cluster (there is no API serving.kserve.io): install it with k8s/install-kserve.sh, then run this command again." -}}
{{- end -}}
{{- $operated := or .Values.server.podMonitor.enabled .Values.monitor.podMonitor.enabled .Values.prometheus.operator.enabled -}}
{{- if and $operated (not ($apis.Has "monitoring.coreos.com/v1")) -}}
{{- fail "server.podMonitor.enabled, monitor.podMonitor.enabled or prometheus.operator.enabled is true and the cluster has no Prometheus operator (API monitoring.coreos.com): install it, or set them to false." -}}
{{- end -}}
{{- if and (eq .Values.server.autoscaling.engine "keda") (not ($apis.Has "keda.sh/v1alpha1")) -}}
{{- fail "server.autoscaling.engine is keda and the cluster has no KEDA (API keda.sh): install it, or choose hpa or none." -}}
{{- end -}}
{{- if and .Values.gateway.enabled (not ($apis.Has "gateway.networking.k8s.io/v1")) -}}
{{- fail "gateway.enabled is true and the cluster has no Gateway API (gateway.networking.k8s.io): install a gateway controller, or set gateway.enabled=false." -}}
{{- end -}}
{{- end -}}

{{/* A release of another name in this namespace, or of a later chart. */}}
{{- define "sentiment.checkNeighbours" -}}
{{- range dig "items" (list) (lookup "v1" "ConfigMap" .Release.Namespace "") -}}
{{- $labels := .metadata.labels | default dict -}}
{{- if and (eq (get $labels "app.kubernetes.io/name") "sentiment") (eq (get $labels "app.kubernetes.io/component") "environment") -}}
{{- $other := get $labels "app.kubernetes.io/instance" -}}
{{- if ne $other $.Release.Name -}}
{{- fail (printf "the namespace %s holds the release %q already: upgrade that one (helm upgrade %s), or install into another namespace." $.Release.Namespace $other $other) -}}
{{- end -}}
{{- $installed := get $labels "helm.sh/chart" | trimPrefix "sentiment-" | replace "_" "+" -}}
{{- if and $installed (semverCompare (printf "> %s" $.Chart.Version) $installed) -}}
{{- fail (printf "the release %q was made by chart %s, which is later than this one (%s): the prediction log's tables cannot go back; use chart %s or later." $other $installed $.Chart.Version $installed) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Objects that values name must exist, with the keys that programs read. */}}
{{- define "sentiment.checkNamed" -}}
{{- $values := .Values -}}
{{- range $values.global.imagePullSecrets -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "global.imagePullSecrets" "name" . "fields" (list ".dockerconfigjson")) -}}
{{- end -}}
{{- if $values.postgres.enabled -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "postgres.existingSecret" "name" $values.postgres.existingSecret "fields" (list "username" "password" "database" "DATABASE_URL")) -}}
{{- else -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "postgres.external.existingSecret" "name" $values.postgres.external.existingSecret "fields" (list "DATABASE_URL")) -}}
{{- end -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "objectStore.existingSecret" "name" $values.objectStore.existingSecret "fields" (list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY")) -}}
{{- include "sentiment.checkEndpoint" . -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "server.tls.existingSecret" "name" $values.server.tls.existingSecret "fields" (list "tls.crt" "tls.key")) -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "server.apiKeys.existingSecret" "name" $values.server.apiKeys.existingSecret "fields" (list "api-keys.json")) -}}
{{- if $values.alertmanager.enabled -}}
{{- $receivers := list -}}
{{- if $values.alertmanager.slackChannel }}{{ $receivers = append $receivers "slack-url" }}{{ end -}}
{{- if $values.alertmanager.webhook }}{{ $receivers = append $receivers "webhook-url" }}{{ end -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "alertmanager.existingSecret" "name" $values.alertmanager.existingSecret "fields" $receivers) -}}
{{- end -}}
{{- if $values.grafana.enabled -}}
{{- include "sentiment.checkSecret" (dict "root" $ "key" "grafana.existingSecret" "name" $values.grafana.existingSecret "fields" (list "admin-user" "admin-password")) -}}
{{- end -}}
{{- range $key, $name := dict "training.data.existingClaim" $values.training.data.existingClaim "training.checkpoints.existingClaim" $values.training.checkpoints.existingClaim -}}
{{- if and $name (not (lookup "v1" "PersistentVolumeClaim" $.Release.Namespace $name)) -}}
{{- fail (printf "%s names the PersistentVolumeClaim %q, which is not in the namespace %s: create it there, or name another." $key $name $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- with $values.training.data.configMap -}}
{{- if not (lookup "v1" "ConfigMap" $.Release.Namespace .) -}}
{{- fail (printf "training.data.configMap names the ConfigMap %q, which is not in the namespace %s: create it there, or name another." . $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A Secret of the user's, with its keys. Arguments: dict root key name fields. */}}
{{- define "sentiment.checkSecret" -}}
{{- if .name -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $secret := lookup "v1" "Secret" $namespace .name -}}
{{- if not $secret -}}
{{- fail (printf "%s names the Secret %q, which is not in the namespace %s: create it there with the keys %s, or name another." .key .name $namespace (join ", " .fields)) -}}
{{- end -}}
{{- range .fields -}}
{{- if not (hasKey ($secret.data | default dict) .) -}}
{{- fail (printf "%s names the Secret %q, which has no key %s: add it." $.key $.name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
KServe's initialiser reads an object store's address from the annotations of its Secret, not from the values. The chart
writes them to its own Secret, and requires them on the user's.
*/}}
{{- define "sentiment.checkEndpoint" -}}
{{- $name := .Values.objectStore.existingSecret -}}
{{- $endpoint := include "sentiment.objectStoreEndpoint" . -}}
{{- if and $name $endpoint -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace $name -}}
{{- $host := get (urlParse $endpoint) "host" -}}
{{- $annotated := dig "metadata" "annotations" "serving.kserve.io/s3-endpoint" "" $secret -}}
{{- if ne $annotated $host -}}
{{- fail (printf "the object store is at %s and the Secret %q of objectStore.existingSecret has another address in its annotation for KServe: run kubectl -n %s annotate --overwrite secret %s serving.kserve.io/s3-endpoint=%s serving.kserve.io/s3-usehttps=%s" $endpoint $name .Release.Namespace $name $host (ternary "1" "0" (hasPrefix "https://" $endpoint))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
