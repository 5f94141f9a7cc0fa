{{/* The volume that checkpoints outlive a pod on. Arguments: the root. */}}
{{- define "sentiment.checkpointsClaim" -}}
{{- .Values.training.checkpoints.existingClaim | default (printf "%s-training" (include "sentiment.fullname" .)) -}}
{{- end -}}
