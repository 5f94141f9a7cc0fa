{{/*
A pod of `helm test` that runs one of files/tests with a program's image, as a component: with its account and with the labels
that network policies know it by.
Arguments: dict root script component image env (names and values), store (whether it gets the shared environment and the
object store's keys), database (whether it gets DATABASE_URL).
*/}}
{{- define "sentiment.testPod" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "sentiment.fullname" .root }}-test-{{ .script }}
  labels: {{- include "sentiment.labels" (dict "root" .root "component" .component) | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 300
  serviceAccountName: {{ include "sentiment.serviceAccountName" (dict "root" .root "component" .component) }}
  automountServiceAccountToken: false
  securityContext: {{- include "sentiment.podSecurity" . | nindent 4 }}
{{- with include "sentiment.imagePullSecrets" .root }}
  {{- . | nindent 2 }}
{{- end }}
  containers:
    - name: probe
      image: {{ include "sentiment.image" (dict "root" .root "image" .image) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: [python, /tests/{{ .script }}.py]
      securityContext: {{- include "sentiment.containerSecurity" . | nindent 8 }}
      resources: {{- toYaml .root.Values.tests.resources | nindent 8 }}
{{- if .store }}
      envFrom: {{- include "sentiment.envFrom" .root | nindent 8 }}
{{- end }}
      env:
        # The images' programs are in /app.
        - name: PYTHONPATH
          value: /app
        - name: HOME
          value: /tmp
{{- range $name, $value := .env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
{{- end }}
{{- if .database }}
        {{- include "sentiment.databaseEnv" .root | nindent 8 }}
{{- end }}
      volumeMounts:
        {{- include "sentiment.scratchMounts" . | nindent 8 }}
        - name: tests
          mountPath: /tests
          readOnly: true
  volumes:
    {{- include "sentiment.scratchVolumes" . | nindent 4 }}
    - name: tests
      configMap:
        name: {{ include "sentiment.fullname" .root }}-tests
{{- end -}}


{{/* The client of the bundled Prometheus: Grafana, or else the test itself. Arguments: the root. */}}
{{- define "sentiment.prometheusReader" -}}
{{- ternary "grafana" "tests" (and .Values.grafana.enabled (not .Values.grafana.prometheusUrl)) -}}
{{- end -}}
