{{/* The volume that keeps checkpoints between pods. Arguments: the root. */}}
{{- define "sentiment.checkpointsClaim" -}}
{{- .Values.training.checkpoints.existingClaim | default (printf "%s-training" (include "sentiment.fullname" .)) -}}
{{- end -}}
