{{/* The cluster's settings of a promotion. Arguments: the root. */}}
{{- define "sentiment.promotionEnv" -}}
- name: INFERENCE_SERVICE
  value: {{ include "sentiment.fullname" . }}
- name: INFERENCE_SERVICE_TEMPLATE
  value: {{ include "sentiment.fullname" . }}-inferenceservice
- name: KUBE_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: ROLLOUT_TIMEOUT_SECONDS
  value: {{ .Values.promotion.rolloutTimeoutSeconds | quote }}
{{- end -}}
