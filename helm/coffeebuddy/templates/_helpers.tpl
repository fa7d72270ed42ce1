{{- define "coffeebuddy.labels" -}}
app.kubernetes.io/name: coffeebuddy
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* selector of one service: dict "root" $ "service" "runs" */}}
{{- define "coffeebuddy.selector" -}}
app.kubernetes.io/name: coffeebuddy
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{- /* name of what belongs to one service */}}
{{- define "coffeebuddy.name" -}}
{{ printf "%s-%s" (trunc 50 .root.Release.Name) .service }}
{{- end }}

{{- /* image of one program */}}
{{- define "coffeebuddy.image" -}}
{{ .root.Values.image.registry }}{{ .root.Values.image.prefix }}{{ .program }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "coffeebuddy.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "coffeebuddy.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* what all pods share */}}
{{- define "coffeebuddy.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- include "coffeebuddy.podSecurity" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* environment from a map */}}
{{- define "coffeebuddy.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
