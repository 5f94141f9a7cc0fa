{{/*
The release that an InferenceService of this name has in the cluster, as JSON {"storageUri", "releaseId"}; empty without
a cluster, without KServe or before the first promotion. Promotions patch these fields, so an upgrade has to render what
it finds: another value would undo the promotion or, applied server-side, conflict with it.
Arguments: dict root name.
*/}}
{{- define "sentiment.liveRelease" -}}
{{- if .root.Capabilities.APIVersions.Has "serving.kserve.io/v1beta1" -}}
{{- $found := lookup "serving.kserve.io/v1beta1" "InferenceService" .root.Release.Namespace .name -}}
{{- include "sentiment.releaseOf" $found -}}
{{- end -}}
{{- end -}}

{{/* The same of an InferenceService as it was read. Arguments: the object; empty for none. */}}
{{- define "sentiment.releaseOf" -}}
{{- $uri := dig "spec" "predictor" "model" "storageUri" "" . -}}
{{- if $uri -}}
{{- $id := "" -}}
{{- range dig "spec" "predictor" "model" "env" (list) . -}}
{{- if eq .name "RELEASE_ID" }}{{ $id = .value | default "" }}{{ end -}}
{{- end -}}
{{- dict "storageUri" $uri "releaseId" ($id | default (include "sentiment.idOf" $uri)) | toJson -}}
{{- end -}}
{{- end -}}

{{/* The release id in an address that ends with releases/ID/serving; else empty. Arguments: the address. */}}
{{- define "sentiment.idOf" -}}
{{- regexFind "/releases/[0-9a-f]{16}(/|$)" . | trimPrefix "/releases/" | trimSuffix "/" -}}
{{- end -}}

{{/*
The release to serve in the promoted InferenceService, as JSON {"storageUri", "releaseId"}: the live release, else the seed of
`server.storageUri`, else empty. Arguments: the root.
*/}}
{{- define "sentiment.servedRelease" -}}
{{- $live := include "sentiment.liveRelease" (dict "root" . "name" (include "sentiment.fullname" .)) -}}
{{- if $live -}}
{{- $live -}}
{{- else if .Values.server.storageUri -}}
{{- dict "storageUri" .Values.server.storageUri "releaseId" (include "sentiment.idOf" .Values.server.storageUri) | toJson -}}
{{- end -}}
{{- end -}}

{{/* Labels of a server's pods; `variant` distinguishes the promoted release from experiments. Arguments: dict root variant. */}}
{{- define "sentiment.serverPodLabels" -}}
{{ include "sentiment.selectorLabels" (dict "root" .root "component" "server") }}
sentiment/variant: {{ .variant | quote }}
{{- end -}}

{{/*
An InferenceService in KServe's Standard mode. The ServingRuntime holds the parts that all of them share.
Arguments: dict root name variant storageUri releaseId replicas scaled.
*/}}
{{- define "sentiment.inferenceService" -}}
{{- $server := .root.Values.server -}}
{{- $engine := ternary $server.autoscaling.engine "none" .scaled -}}
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {{ .name }}
  labels:
    {{- include "sentiment.labels" (dict "root" .root "component" "server") | nindent 4 }}
    sentiment/variant: {{ .variant | quote }}
  annotations:
    serving.kserve.io/deploymentMode: Standard
    serving.kserve.io/autoscalerClass: {{ $engine }}
spec:
  predictor:
    minReplicas: {{ .replicas }}
    maxReplicas: {{ if eq $engine "none" }}{{ .replicas }}{{ else }}{{ $server.autoscaling.maxReplicas }}{{ end }}
{{- if eq $engine "hpa" }}
    scaleMetric: cpu
    scaleTarget: {{ $server.autoscaling.cpuPercent }}
{{- else if eq $engine "keda" }}
    autoScaling:
      metrics:
        - type: External
          external:
            metric:
              backend: prometheus
              serverAddress: {{ include "sentiment.prometheusUrl" .root | quote }}
              query: {{ printf "1000 * max(ml_queue_age_seconds{namespace=%q, pod=~%q})" .root.Release.Namespace (printf "%s-predictor-.*" .name) | quote }}
            target:
              type: Value
              value: {{ $server.autoscaling.waitMilliseconds | quote }}
{{- end }}
    deploymentStrategy:
      type: RollingUpdate
      rollingUpdate:
        maxSurge: 1
        maxUnavailable: 0
    serviceAccountName: {{ include "sentiment.serviceAccountName" (dict "root" .root "component" "server") }}
    automountServiceAccountToken: false
    terminationGracePeriodSeconds: {{ include "sentiment.serverGraceSeconds" .root }}
    securityContext: {{- include "sentiment.podSecurity" (dict) | nindent 6 }}
{{- with $server.scheduling.priorityClassName }}
    priorityClassName: {{ . | quote }}
{{- end }}
    topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
      - maxSkew: 1
        topologyKey: {{ . }}
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels: {{- include "sentiment.serverPodLabels" (dict "root" $.root "variant" $.variant) | nindent 12 }}
{{- end }}
    labels: {{- include "sentiment.serverPodLabels" (dict "root" .root "variant" .variant) | nindent 6 }}
    model:
      modelFormat:
        name: sentiment
      runtime: {{ include "sentiment.fullname" .root }}-server
      protocolVersion: v2
      storageUri: {{ .storageUri | quote }}
      env:
        - name: RELEASE_ID
          value: {{ .releaseId | quote }}
{{- end -}}

{{/* The longest shutdown of a server pod: delay, drain, flushing the log and copying it to the store. Arguments: the root. */}}
{{- define "sentiment.serverGraceSeconds" -}}
{{- add .Values.server.shutdownDelaySeconds .Values.server.drainSeconds 40 -}}
{{- end -}}

{{/* URL scheme of the server: `https` with a certificate. Arguments: the root. */}}
{{- define "sentiment.serverScheme" -}}
{{ ternary "https" "http" (ne .Values.server.tls.existingSecret "") }}
{{- end -}}

{{/* The Prometheus that autoscaling queries. Arguments: the root. */}}
{{- define "sentiment.prometheusUrl" -}}
{{- .Values.server.autoscaling.prometheusUrl | default (printf "http://%s-prometheus.%s.svc:9090" (include "sentiment.fullname" .) .Release.Namespace) -}}
{{- end -}}

{{/* An experiment's InferenceService. Arguments: dict root experiment. */}}
{{- define "sentiment.experimentName" -}}
{{ include "sentiment.fullname" .root }}-{{ .experiment.name }}
{{- end -}}

{{/* The promoted release's share of requests, in percent: what experiments leave. Arguments: the root. */}}
{{- define "sentiment.championWeight" -}}
{{- $left := 100 -}}
{{- range .Values.server.experiments }}{{ if not .shadow }}{{ $left = sub $left (int (.weight | default 0)) }}{{ end }}{{ end -}}
{{- $left -}}
{{- end -}}
