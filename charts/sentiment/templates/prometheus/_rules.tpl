{{/*
The rule files by name. What a file leaves open is filled in: RUNBOOKS, their address; NAMESPACE, because one Prometheus may
watch several installations; DRIFT_LIMIT, the seconds that may pass between two successful checks; DATABASE_BYTES, the size
of the bundled database's volume; OR_SEED, the release that an install begins with, which no promotion has named. A part that
is switched off has no rules about its silence. Arguments: the root.
*/}}
{{- define "sentiment.ruleFiles" -}}
{{- $off := dict
      "SentimentMonitorDown.yaml" (not .Values.monitor.enabled)
      "SentimentDriftJobMissed.yaml" (not .Values.drift.enabled)
      "SentimentDriftJobFailed.yaml" (not .Values.drift.enabled) }}
{{- $limit := mul 3600 (add 2 (include "sentiment.pauseHours" .Values.drift.schedule)) }}
{{- $database := ternary (include "sentiment.bytes" .Values.postgres.size) "Inf" .Values.postgres.enabled }}
{{- $seed := "" }}
{{- with .Values.server.storageUri }}
{{- $named := printf "label_replace(vector(1), \"release\", %q, \"\", \"\")" (include "sentiment.idOf" .) }}
{{- $seed = printf " or on () label_replace(%s, \"namespace\", \"NAMESPACE\", \"\", \"\")" $named }}
{{- end }}
{{- range $path, $_ := .Files.Glob "alerts/*.yaml" }}
{{- if not (get $off (base $path)) }}
{{- $text := $.Files.Get $path | replace "RUNBOOKS" (trimSuffix "/" $.Values.prometheus.runbookBaseUrl) }}
{{ base $path }}: |
  {{- $text | replace "OR_SEED" $seed | replace "NAMESPACE" $.Release.Namespace | replace "DRIFT_LIMIT" (toString $limit) | replace "DATABASE_BYTES" $database | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
The longest pause of a cron schedule in whole hours, rounded up for lists and ranges.
Arguments: the schedule.
*/}}
{{- define "sentiment.pauseHours" -}}
{{- $named := dict "@hourly" 1 "@daily" 24 "@midnight" 24 "@weekly" 168 "@monthly" 744 "@yearly" 8784 "@annually" 8784 -}}
{{- if hasKey $named . -}}
{{- get $named . -}}
{{- else -}}
{{- $fields := regexSplit " +" . -1 -}}
{{- $hour := index $fields 1 -}}
{{- $days := list (index $fields 2) (index $fields 4) -}}
{{- if ne (index $fields 3) "*" -}}
8784
{{- else if ne (first $days) "*" -}}
{{- /* The 31st comes every other month; with a weekday too, either field may match. */ -}}
{{- ternary 1488 168 (has "*" $days) -}}
{{- else if ne (last $days) "*" -}}
168
{{- else if eq $hour "*" -}}
1
{{- else -}}
{{- regexFind "^[*]/([1-9]|1[0-9]|2[0-3])$" $hour | trimPrefix "*/" | default "24" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* An amount of Kubernetes' as a number of bytes. Arguments: the amount, such as 8Gi. */}}
{{- define "sentiment.bytes" -}}
{{- $unit := regexFind "[A-Za-z]+$" . -}}
{{- $power := index (dict "k" 1 "M" 2 "G" 3 "T" 4) (substr 0 1 (replace "K" "k" $unit)) -}}
{{- $bytes := trimSuffix $unit . -}}
{{- range until $power }}{{ $bytes = mulf $bytes (ternary 1024 1000 (hasSuffix "i" $unit)) }}{{ end -}}
{{- printf "%.0f" $bytes -}}
{{- end -}}
