{{/* The rule files by name, with the runbooks' address filled in. Arguments: the root. */}}
{{- define "sentiment.ruleFiles" -}}
{{- range $path, $_ := .Files.Glob "alerts/*.yaml" }}
{{ base $path }}: |
  {{- $.Files.Get $path | replace "RUNBOOKS" (trimSuffix "/" $.Values.prometheus.runbookBaseUrl) | nindent 2 }}
{{- end }}
{{- end -}}
