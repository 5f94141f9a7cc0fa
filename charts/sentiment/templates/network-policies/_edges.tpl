{{/*
Every edge between two parts, as YAML: `edges: [{from, to, port}]`. `to: outside` is `networkPolicy.externalCidrs`,
`to: kubernetes` the API server, `to: kubelets` the nodes; `from: neighbours` is any pod of the namespace and of
networkPolicy.allowFromNamespaces, `from: visitors` only those of the latter, `from: balancers` the addresses in
networkPolicy.allowFromCidrs. Arguments: the root.
*/}}
{{- define "sentiment.edges" -}}
{{- $values := .Values -}}
{{- $mlflow := ternary (list "mlflow") (list) $values.mlflow.enabled -}}
{{- $store := concat (list "server" "training" "promotion" "drift" "monitor" "log-maintenance" "tests") $mlflow -}}
{{- $database := concat (list "server" "drift" "monitor" "migrations" "log-maintenance") $mlflow -}}
edges:
{{- range $database }}
{{- if $values.postgres.enabled }}
  - {from: {{ . }}, to: postgres, port: 5432}
{{- else }}
  - {from: {{ . }}, to: outside, port: {{ $values.postgres.external.port }}}
{{- end }}
{{- end }}
{{- if not $values.postgres.enabled }}
  # The programs that get DATABASE_READ_URL.
{{- range $reader := list "drift" "monitor" }}
{{- range $values.postgres.external.readPorts }}
  - {from: {{ $reader }}, to: outside, port: {{ . }}}
{{- end }}
{{- end }}
{{- end }}
{{- if eq $values.objectStore.engine "minio" }}
{{- range append $store "object-store-bucket" }}
  - {from: {{ . }}, to: object-store, port: 9000}
{{- end }}
{{- else }}
{{- $port := include "sentiment.portOf" ($values.objectStore.endpoint | default "https://s3") }}
{{- range append $store "object-store-bucket" }}
  - {from: {{ . }}, to: outside, port: {{ $port }}}
{{- if not $values.objectStore.existingSecret }}
  - {from: {{ . }}, to: cloud-identity, port: 80}
  - {from: {{ . }}, to: outside, port: 443}
{{- end }}
{{- end }}
{{- end }}
{{- range list "training" "promotion" }}
{{- if $values.mlflow.enabled }}
  - {from: {{ . }}, to: mlflow, port: 5000}
{{- else if $values.mlflow.external.uri }}
  - {from: {{ . }}, to: outside, port: {{ include "sentiment.portOf" $values.mlflow.external.uri }}}
{{- end }}
{{- end }}
  # The hub's data sets and base models.
  - {from: training, to: outside, port: 443}
{{- with $values.server.otel.endpoint }}
  - {from: server, to: outside, port: {{ include "sentiment.portOf" . }}}
{{- end }}
{{- with get $values.monitor.env "ALERTMANAGER_URL" }}
  - {from: monitor, to: outside, port: {{ include "sentiment.portOf" . }}}
{{- end }}
  - {from: neighbours, to: server, port: 8080}
  - {from: neighbours, to: server, port: 8081}
  - {from: balancers, to: server, port: 8080}
  - {from: balancers, to: server, port: 8081}
  - {from: neighbours, to: monitor, port: 8090}
  - {from: neighbours, to: graph, port: 8080}
  - {from: neighbours, to: average, port: 8080}
  - {from: average, to: graph, port: 8080}
  - {from: graph, to: server, port: 8080}
  - {from: tests, to: server, port: 8080}
  - {from: tests, to: monitor, port: 8090}
  - {from: promotion, to: server, port: 8080}
  - {from: promotion, to: kubernetes}
  - {from: monitor, to: kubernetes}
{{- if $values.training.autoPromote }}
  - {from: training, to: server, port: 8080}
  - {from: training, to: kubernetes}
{{- end }}
{{- if $values.drift.retrain.enabled }}
  - {from: drift, to: kubernetes}
{{- end }}
  - {from: visitors, to: mlflow, port: 5000}
  - {from: visitors, to: object-store, port: 9001}
  - {from: visitors, to: prometheus, port: 9090}
  - {from: visitors, to: alertmanager, port: 9093}
  - {from: visitors, to: grafana, port: 3000}
  - {from: visitors, to: frontend, port: 8080}
  - {from: frontend, to: server, port: 8080}
  - {from: frontend, to: monitor, port: 8090}
  - {from: monitor, to: alertmanager, port: 9093}
{{- if $values.prometheus.enabled }}
  - {from: prometheus, to: server, port: 8080}
  - {from: prometheus, to: monitor, port: 8090}
  - {from: prometheus, to: object-store, port: 9000}
  - {from: prometheus, to: alertmanager, port: 9093}
  - {from: prometheus, to: kubernetes}
{{- if $values.prometheus.kubelet.enabled }}
  - {from: prometheus, to: kubelets, port: 10250}
{{- end }}
  - {from: {{ include "sentiment.prometheusReader" . }}, to: prometheus, port: 9090}
{{- end }}
{{- if $values.grafana.prometheusUrl }}
  - {from: grafana, to: outside, port: {{ include "sentiment.portOf" $values.grafana.prometheusUrl }}}
{{- end }}
  # Receivers of alerts.
  - {from: alertmanager, to: outside}
{{- end -}}

{{/* The port of an address, by its scheme where it names none. Arguments: the address. */}}
{{- define "sentiment.portOf" -}}
{{- $host := get (urlParse .) "host" -}}
{{- $named := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- $named | default (ternary "80" "443" (hasPrefix "http://" .)) -}}
{{- end -}}

{{/* Components that have a policy: those that have pods. Arguments: the root. */}}
{{- define "sentiment.policed" -}}
{{- $values := .Values -}}
components:
  - server
{{- range $name, $there := dict
      "graph" (ne $values.server.graph.mode "none") "average" (eq $values.server.graph.mode "average")
      "training" $values.training.enabled "promotion" $values.training.enabled "drift" $values.drift.enabled
      "monitor" $values.monitor.enabled "migrations" $values.migrations.enabled
      "log-maintenance" $values.logMaintenance.enabled "tests" $values.tests.enabled "postgres" $values.postgres.enabled
      "object-store" (eq $values.objectStore.engine "minio") "object-store-bucket" $values.objectStore.createBucket "mlflow" $values.mlflow.enabled
      "prometheus" $values.prometheus.enabled "alertmanager" $values.alertmanager.enabled
      "grafana" $values.grafana.enabled "frontend" $values.frontend.enabled }}
{{- if $there }}
  - {{ $name }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Peers and port of an edge's other end, as one rule's fields. Arguments: dict root end key port. */}}
{{- define "sentiment.rule" -}}
{{- $root := .root -}}
- {{ .key }}:
{{- if eq .end "outside" }}
{{- range $root.Values.networkPolicy.externalCidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- else if eq .end "cloud-identity" }}
    - ipBlock: {cidr: 169.254.170.23/32}
    - ipBlock: {cidr: 169.254.169.254/32}
{{- else if eq .end "balancers" }}
{{- range $root.Values.networkPolicy.allowFromCidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- else if or (eq .end "kubernetes") (eq .end "kubelets") }}
    - ipBlock: {cidr: 0.0.0.0/0}
{{- else if or (eq .end "neighbours") (eq .end "visitors") }}
{{- if eq .end "neighbours" }}
    - podSelector: {}
{{- end }}
{{- with $root.Values.networkPolicy.allowFromNamespaces }}
    - namespaceSelector:
        matchExpressions:
          - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
{{- end }}
{{- else }}
    - podSelector:
        matchLabels: {{- include "sentiment.selectorLabels" (dict "root" $root "component" .end) | nindent 10 }}
{{- end }}
{{- if eq .end "kubernetes" }}
  ports:
    - {protocol: TCP, port: 443}
    - {protocol: TCP, port: 6443}
{{- else if .port }}
  ports:
    - {protocol: TCP, port: {{ .port }}}
{{- end }}
{{- end -}}
