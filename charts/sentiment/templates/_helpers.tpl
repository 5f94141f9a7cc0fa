{{/* Names, labels, images and security that every template shares. "root" is the top context ($). */}}

{{/*
F: the release's name, with "sentiment" in it once. At most 36 characters, because a CronJob's name has at most 52.
Arguments: the root.
*/}}
{{- define "sentiment.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "sentiment" $name) -}}
{{- $name = printf "%s-sentiment" (trunc 26 $name | trimSuffix "-") -}}
{{- end -}}
{{- trunc 36 $name | trimSuffix "-" -}}
{{- end -}}

{{/* Selector of a component's pods, which never changes during a release's life. Arguments: dict root component. */}}
{{- define "sentiment.selectorLabels" -}}
app.kubernetes.io/name: sentiment
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of every object, by Kubernetes' recommendations. Arguments: dict root component. */}}
{{- define "sentiment.labels" -}}
{{ include "sentiment.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sentiment
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
An image's full name. An image without a tag is one of ours: it takes image.registry and image.tag.
Arguments: dict root image.
*/}}
{{- define "sentiment.image" -}}
{{- if eq "latest" (.image.tag | default .root.Values.image.tag) -}}
{{- fail (printf "the tag of the image %s is latest: give a version or a digest, because latest changes." .image.repository) -}}
{{- end -}}
{{- $ours := not .image.tag -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- if $ours -}}
{{- $registry = $registry | default .root.Values.image.registry -}}
{{- end -}}
{{- if $registry }}{{ $registry | trimSuffix "/" }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest -}}
@{{ .image.digest }}
{{- else -}}
:{{ .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* imagePullSecrets of a pod or ServiceAccount; empty without them. Arguments: the root. */}}
{{- define "sentiment.imagePullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* A pod's securityContext by the standard `restricted`. Arguments: anything; its key `uid` wins over 10001. */}}
{{- define "sentiment.podSecurity" -}}
{{- $uid := int (default 10001 .uid) -}}
runAsNonRoot: true
runAsUser: {{ $uid }}
runAsGroup: {{ $uid }}
fsGroup: {{ $uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* A container's securityContext by the standard `restricted`, with a read-only root. Arguments: ignored. */}}
{{- define "sentiment.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* One ServiceAccount a component, so that rights are given to one program. Arguments: dict root component. */}}
{{- define "sentiment.serviceAccountName" -}}
{{ include "sentiment.fullname" .root }}-{{ .component }}
{{- end -}}

{{/* The Secret with the prediction log's DATABASE_URL: ours, or the user's. Arguments: the root. */}}
{{- define "sentiment.postgresSecret" -}}
{{- if .Values.postgres.enabled -}}
{{ .Values.postgres.existingSecret | default (printf "%s-postgres" (include "sentiment.fullname" .)) }}
{{- else -}}
{{ .Values.postgres.external.existingSecret }}
{{- end -}}
{{- end -}}

{{/* The Secret with the object store's keys: ours, the user's, or empty (a cloud identity). Arguments: the root. */}}
{{- define "sentiment.objectStoreSecret" -}}
{{- if .Values.objectStore.existingSecret -}}
{{ .Values.objectStore.existingSecret }}
{{- else if eq .Values.objectStore.engine "minio" -}}
{{ include "sentiment.fullname" . }}-object-store
{{- end -}}
{{- end -}}

{{/* Where releases live, for every program. Arguments: the root. */}}
{{- define "sentiment.releasesUri" -}}
s3://{{ .Values.objectStore.bucket }}{{ with .Values.objectStore.prefix }}/{{ . | trimAll "/" }}{{ end }}
{{- end -}}

{{/* The object store's address; empty for AWS' own. Arguments: the root. */}}
{{- define "sentiment.objectStoreEndpoint" -}}
{{- if eq .Values.objectStore.engine "minio" -}}
http://{{ include "sentiment.fullname" . }}-object-store:9000
{{- else -}}
{{ .Values.objectStore.endpoint }}
{{- end -}}
{{- end -}}

{{/* MLflow's address, ours or the user's; `none` without either. Arguments: the root. */}}
{{- define "sentiment.mlflowUri" -}}
{{- if .Values.mlflow.enabled -}}
http://{{ include "sentiment.fullname" . }}-mlflow:5000
{{- else -}}
{{ .Values.mlflow.external.uri | default "none" }}
{{- end -}}
{{- end -}}

{{/* The environment shared by all programs of the project: addresses, and the object store's keys. Arguments: the root. */}}
{{- define "sentiment.envFrom" -}}
- configMapRef:
    name: {{ include "sentiment.fullname" . }}-environment
{{- with include "sentiment.objectStoreSecret" . }}
- secretRef:
    name: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* DATABASE_URL, for programs that read or write the log. Arguments: the root. */}}
{{- define "sentiment.databaseEnv" -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "sentiment.postgresSecret" . | quote }}
      key: DATABASE_URL
{{- end -}}

{{/* DATABASE_URL, and where a Postgres of yours has a replica DATABASE_READ_URL. Arguments: the root. */}}
{{- define "sentiment.databaseReadEnv" -}}
{{- include "sentiment.databaseEnv" . }}
{{- if not .Values.postgres.enabled }}
- name: DATABASE_READ_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "sentiment.postgresSecret" . | quote }}
      key: DATABASE_READ_URL
      optional: true
{{- end }}
{{- end -}}

{{/*
A number, truth value or text of the values as text. Helm reads each number of a values file as a float and prints it as
1e+06 from 1,000,000 on, which no program takes for a whole number. Arguments: the value.
*/}}
{{- define "sentiment.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end -}}

{{/*
Environment variables that a user adds, in the order of their names. Arguments: dict root key (of the values) env, and
taken: those that the chart sets from other values.
*/}}
{{- define "sentiment.env" -}}
{{- $shared := list "DATABASE_URL" "DATABASE_READ_URL" "RELEASES_URI" "SPILL_URI" "MODEL_NAME" "MLFLOW_TRACKING_URI" "KUBE_NAMESPACE" "HOME" -}}
{{- $twice := list }}
{{- range $name, $_ := .env }}
{{- if has $name (concat $shared $.taken) }}{{ $twice = append $twice $name }}{{ end }}
{{- end }}
{{- with $twice }}
{{- fail (printf "%s holds %s, which the chart sets itself: use the chart's values for it." $.key (join ", " .)) }}
{{- end }}
{{- range $name, $value := .env }}
- name: {{ $name | quote }}
  value: {{ include "sentiment.text" $value | quote }}
{{- end }}
{{- end -}}

{{/* Writable volumes beside a read-only root: /tmp, and /var/lib/sentiment for caches. Arguments: none. */}}
{{- define "sentiment.scratchVolumes" -}}
- name: tmp
  emptyDir: {}
- name: state
  emptyDir: {}
{{- end -}}

{{/* Where those volumes are mounted. Arguments: none. */}}
{{- define "sentiment.scratchMounts" -}}
- name: tmp
  mountPath: /tmp
- name: state
  mountPath: /var/lib/sentiment
{{- end -}}

{{/* Labels that a PodMonitor gives each series, as the bundled Prometheus does. Arguments: ignored. */}}
{{- define "sentiment.podMonitorLabels" -}}
honorLabels: true
relabelings:
  - sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_component]
    targetLabel: component
  - sourceLabels: [__meta_kubernetes_pod_label_sentiment_variant]
    targetLabel: sentiment_variant
{{- end -}}

{{/* "true" if a cluster answers; without one, rendering knows the client's list of APIs only. Arguments: the root. */}}
{{- define "sentiment.online" -}}
{{- if .Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" -}}true{{- end -}}
{{- end -}}
