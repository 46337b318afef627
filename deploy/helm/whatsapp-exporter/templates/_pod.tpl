{{/* The pod, which the Deployment and the StatefulSet share. */}}
{{- define "whatsapp-exporter.pod" -}}
{{- $sharded := include "whatsapp-exporter.sharded" . -}}
metadata:
  labels:
    {{- $labels := include "whatsapp-exporter.labels" . | fromYaml }}
    {{- toYaml (mergeOverwrite (deepCopy (.Values.podLabels | default dict)) $labels) | nindent 4 }}
  {{- with mergeOverwrite (deepCopy (.Values.commonAnnotations | default dict)) (deepCopy (.Values.podAnnotations | default dict)) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "whatsapp-exporter.serviceAccountName" . | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  containers:
    - name: whatsapp-exporter
      image: {{ include "whatsapp-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      {{- $env := include "whatsapp-exporter.env" . | fromYamlArray }}
      {{- with $env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: wa-metrics
          containerPort: 10401
      {{- $scheme := include "whatsapp-exporter.scheme" . | upper }}
      {{- range $probe, $path := dict "startupProbe" "/healthz" "readinessProbe" "/readyz" "livenessProbe" "/healthz" }}
      {{- $numbers := index $.Values $probe }}
      {{- if or $numbers (ne $probe "startupProbe") }}
      {{ $probe }}:
        httpGet:
          path: {{ $path }}
          port: wa-metrics
          {{- if ne $scheme "HTTP" }}
          scheme: {{ $scheme }}
          {{- end }}
        {{- with $numbers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- end }}
      terminationMessagePolicy: FallbackToLogsOnError
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      {{- $mounts := include "whatsapp-exporter.mounts" . | fromYamlArray }}
      {{- with concat $mounts (.Values.extraVolumeMounts | default list) }}
      volumeMounts:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $volumes := include "whatsapp-exporter.volumes" . | fromYamlArray }}
  {{- with concat $volumes (.Values.extraVolumes | default list) }}
  volumes:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "dnsPolicy" "dnsConfig" "hostAliases" }}
  {{- with index $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $selector := dict "labelSelector" (dict "matchLabels" (include "whatsapp-exporter.selectorLabels" $ | fromYaml)) }}
    - {{ toYaml (merge (deepCopy .) $selector) | nindent 6 | trim }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Whether there is a settings file. */}}
{{- define "whatsapp-exporter.hasSettings" -}}
{{- if or .Values.settings .Values.existingSettings.configMap .Values.existingSettings.secret }}true{{ end }}
{{- end }}

{{- define "whatsapp-exporter.settingsKey" -}}
{{- if .Values.settings }}settings.yaml{{ else }}{{ .Values.existingSettings.key }}{{ end }}
{{- end }}

{{/* The variables, as a list. */}}
{{- define "whatsapp-exporter.env" -}}
{{- if include "whatsapp-exporter.hasSettings" . }}
- name: CONFIG_FILE
  value: /etc/whatsapp-exporter/{{ include "whatsapp-exporter.settingsKey" . }}
{{- end }}
{{- if .Values.state.enabled }}
- name: STATE_FILE
  value: /var/lib/whatsapp-exporter/state.json
{{- end }}
{{- if .Values.web.existingSecret }}
- name: WEB_CONFIG_FILE
  value: /etc/whatsapp-exporter-web/{{ .Values.web.key }}
{{- end }}
{{- if include "whatsapp-exporter.sharded" . }}
- name: SHARD
  value: auto/{{ .Values.shards }}
{{- end }}
{{- range $name, $_ := .Values.credentials }}
- name: {{ $name }}_FILE
  value: /run/secrets/whatsapp-credentials/{{ $name }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name | quote }}
  {{- /* Helm reads numbers as floats, of which `toString` writes large ones with an exponent. */}}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- end }}

{{/* Whole folders: single keys with `subPath` would never see a change. */}}
{{- define "whatsapp-exporter.mounts" -}}
{{- if include "whatsapp-exporter.hasSettings" . }}
- name: settings
  mountPath: /etc/whatsapp-exporter
  readOnly: true
{{- end }}
{{- if .Values.secrets }}
- name: tokens
  mountPath: /run/secrets/whatsapp
  readOnly: true
{{- end }}
{{- if .Values.credentials }}
- name: credentials
  mountPath: /run/secrets/whatsapp-credentials
  readOnly: true
{{- end }}
{{- if .Values.state.enabled }}
- name: state
  mountPath: /var/lib/whatsapp-exporter
{{- end }}
{{- if .Values.web.existingSecret }}
- name: web
  mountPath: /etc/whatsapp-exporter-web
  readOnly: true
{{- end }}
{{- if .Values.web.tlsSecret }}
- name: tls
  mountPath: /etc/whatsapp-exporter-tls
  readOnly: true
{{- end }}
{{- if .Values.web.clientCaSecret }}
- name: client-ca
  mountPath: /etc/whatsapp-exporter-client-ca
  readOnly: true
{{- end }}
{{- end }}

{{/* Files of Secrets are for user and group alone; `fsGroup` lets the exporter read them. */}}
{{- define "whatsapp-exporter.volumes" -}}
{{- if .Values.existingSettings.secret }}
- name: settings
  secret:
    secretName: {{ .Values.existingSettings.secret | quote }}
    defaultMode: 0440
{{- else if include "whatsapp-exporter.hasSettings" . }}
- name: settings
  configMap:
    name: {{ .Values.existingSettings.configMap | default (printf "%s-settings" (include "whatsapp-exporter.fullname" .)) | quote }}
{{- end }}
{{- with .Values.secrets }}
- name: tokens
  projected:
    defaultMode: 0440
    sources:
      {{- range . }}
      - secret:
          {{- toYaml . | nindent 10 }}
      {{- end }}
{{- end }}
{{- with .Values.credentials }}
- name: credentials
  projected:
    defaultMode: 0440
    sources:
      {{- range $name, $from := . }}
      - secret:
          name: {{ $from.secret | quote }}
          {{- if $from.optional }}
          optional: true
          {{- end }}
          items:
            - key: {{ $from.key | quote }}
              path: {{ $name | quote }}
      {{- end }}
{{- end }}
{{- if and .Values.state.enabled (not (include "whatsapp-exporter.sharded" .)) }}
- name: state
  persistentVolumeClaim:
    claimName: {{ .Values.state.existingClaim | default (printf "%s-state" (include "whatsapp-exporter.fullname" .)) | quote }}
{{- end }}
{{- range $name, $secret := dict "web" .Values.web.existingSecret "tls" .Values.web.tlsSecret "client-ca" .Values.web.clientCaSecret }}
{{- if $secret }}
- name: {{ $name }}
  secret:
    secretName: {{ $secret | quote }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end }}
