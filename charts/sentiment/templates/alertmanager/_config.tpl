{{/* Alertmanager's configuration; addresses of receivers are read from the files of a Secret. Arguments: the root. */}}
{{- define "sentiment.alertmanagerConfig" -}}
{{- $alerts := .Values.alertmanager -}}
{{- $secret := $alerts.existingSecret -}}
route:
  receiver: {{ if $secret }}people{{ else }}nobody{{ end }}
  group_by: [alertname]
  group_wait: {{ $alerts.groupWait }}
  group_interval: 5m
  repeat_interval: 4h
inhibit_rules:
  # A server that is down also triggers the alerts on latency, silence and confidence.
  - source_matchers: [alertname="SentimentServerDown"]
    target_matchers: [alertname=~"SentimentErrorRate|SentimentLatencyP95|SentimentLowConfidence|SentimentLabelMixShift|SentimentQueueSaturated"]
  - source_matchers: [alertname="SentimentLogRowsLost"]
    target_matchers: [alertname="SentimentLogSpilling"]
receivers:
  - name: nobody
{{- if $secret }}
  - name: people
{{- if $alerts.slackChannel }}
    slack_configs:
      - api_url_file: /etc/alertmanager/receivers/slack-url
        channel: {{ $alerts.slackChannel | quote }}
        send_resolved: true
        title: '{{ "{{ .CommonLabels.alertname }}: {{ .CommonAnnotations.summary }}" }}'
        text: '{{ "{{ range .Alerts }}{{ .Annotations.description }} <{{ .Annotations.runbook_url }}|What to do>{{ end }}" }}'
{{- end }}
{{- if $alerts.webhook }}
    webhook_configs:
      - url_file: /etc/alertmanager/receivers/webhook-url
        send_resolved: true
{{- end }}
{{- end }}
{{- end -}}
