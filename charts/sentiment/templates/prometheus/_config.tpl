{{/* Prometheus' configuration: annotated pods of the namespace. Arguments: the root. */}}
{{- define "sentiment.prometheusConfig" -}}
{{- $prometheus := .Values.prometheus -}}
global:
  scrape_interval: {{ $prometheus.scrapeSeconds }}s
  evaluation_interval: {{ $prometheus.scrapeSeconds }}s
rule_files:
  - /etc/prometheus/rules/*.yaml
{{- if .Values.alertmanager.enabled }}
alerting:
  alertmanagers:
    - static_configs:
        - targets: [{{ include "sentiment.fullname" . }}-alertmanager:9093]
{{- end }}
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:9090]
        labels:
          component: prometheus
  - job_name: pods
    # The monitor's series of Jobs have their own component label, which the pod's would overwrite.
    honor_labels: true
{{- if .Values.server.tls.existingSecret }}
    tls_config:
      # Pods are scraped by address, which certificates do not contain.
      insecure_skip_verify: true
{{- end }}
    kubernetes_sd_configs:
      - role: pod
        namespaces:
          names: [{{ .Release.Namespace }}]
        selectors:
          - role: pod
            label: app.kubernetes.io/instance={{ .Release.Name }}
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
        regex: "true"
        action: keep
      - source_labels: [__meta_kubernetes_pod_phase]
        regex: Pending|Succeeded|Failed
        action: drop
      - source_labels: [__meta_kubernetes_pod_container_init]
        regex: "true"
        action: drop
      # A pod is found once for each of its ports; with the annotation's port in its address it is one target.
      - source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port]
        separator: ;
        regex: (.+);(\d+)
        replacement: $1:$2
        target_label: __address__
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme]
        regex: (https?)
        target_label: __scheme__
      - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
        regex: (.+)
        target_label: __metrics_path__
      - source_labels: [__meta_kubernetes_pod_name]
        target_label: pod
      - source_labels: [__meta_kubernetes_namespace]
        target_label: namespace
      - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_component]
        target_label: component
      - source_labels: [__meta_kubernetes_pod_label_sentiment_variant]
        target_label: sentiment_variant
{{- if $prometheus.kubelet.enabled }}
{{- range $job, $path := dict "cadvisor" "/metrics/cadvisor" "kubelet" "/metrics" }}
  - job_name: {{ $job }}
    scheme: https
    metrics_path: {{ $path }}
    bearer_token_file: /var/run/secrets/kubernetes.io/serviceaccount/token
    tls_config:
      # Kubelets of many clusters have self-signed certificates.
      insecure_skip_verify: true
    kubernetes_sd_configs:
      - role: node
    metric_relabel_configs:
      - source_labels: [namespace]
        regex: {{ $.Release.Namespace }}
        action: keep
{{- end }}
{{- end }}
{{- end -}}
