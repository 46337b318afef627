{{/* Names and labels; what several objects share. */}}

{{- define "whatsapp-exporter.name" -}}
{{- regexReplaceAll "[-.]+$" (default .Chart.Name .Values.nameOverride | trunc 50) "" }}
{{- end }}

{{/* At most 50 characters, so that names with a suffix stay below 63; without dots, which a Service's
name may not have. */}}
{{- define "whatsapp-exporter.fullname" -}}
{{- $name := .Values.fullnameOverride }}
{{- if not $name }}
{{- $name = .Release.Name }}
{{- if not (contains (include "whatsapp-exporter.name" .) $name) }}
{{- $name = printf "%s-%s" $name (include "whatsapp-exporter.name" .) }}
{{- end }}
{{- end }}
{{- regexReplaceAll "-+$" ($name | replace "." "-" | trunc 50) "" }}
{{- end }}

{{- define "whatsapp-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "whatsapp-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "whatsapp-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "whatsapp-exporter.labels" -}}
{{- $own := dict
  "app.kubernetes.io/version" (.Chart.AppVersion | toString)
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- $selector := include "whatsapp-exporter.selectorLabels" . | fromYaml }}
{{- toYaml (mergeOverwrite (dict) $own (deepCopy (.Values.commonLabels | default dict)) $selector) }}
{{- end }}

{{/*
The metadata of an object: a list of the root, the suffix of its name, and a dict with its
`namespace`, `labels` and `annotations`, all optional.
*/}}
{{- define "whatsapp-exporter.metadata" -}}
{{- $root := index . 0 }}
{{- $own := index . 2 }}
{{- $labels := include "whatsapp-exporter.labels" $root | fromYaml }}
{{- $labels = mergeOverwrite (deepCopy ($own.labels | default dict)) $labels }}
{{- $annotations := mergeOverwrite (deepCopy ($root.Values.commonAnnotations | default dict)) (deepCopy ($own.annotations | default dict)) -}}
name: {{ printf "%s%s" (include "whatsapp-exporter.fullname" $root) (index . 1) | quote }}
namespace: {{ $own.namespace | default (include "whatsapp-exporter.namespace" $root) | quote }}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "whatsapp-exporter.image" -}}
{{- $image := .Values.image }}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "whatsapp-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "whatsapp-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "whatsapp-exporter.sharded" -}}
{{- if gt (int .Values.shards) 1 }}true{{ end }}
{{- end }}

{{- define "whatsapp-exporter.scheme" -}}
{{- if .Values.web.tlsSecret }}https{{ else }}http{{ end }}
{{- end }}

{{/* The paths of webhooks below a prefix, one a line. `Prefix` counts whole words of a path. */}}
{{- define "whatsapp-exporter.webhookPaths" -}}
{{- $prefix := index . 1 }}
{{- range (index . 0).Values.webhooks.providers }}
{{ $prefix }}/webhook/{{ . }}
{{- else }}
{{ $prefix }}/webhook
{{- end }}
{{- end }}

{{/* The Service, a suffix for names, and the paths that webhooks go to, as YAML. */}}
{{- define "whatsapp-exporter.webhookBackends" -}}
{{- $root := . }}
{{- $name := include "whatsapp-exporter.fullname" . }}
{{- if include "whatsapp-exporter.sharded" . }}
{{- range untilStep 1 (int (add1 (int .Values.shards))) 1 }}
- service: {{ $name }}-shard-{{ . }}
  suffix: -shard-{{ . }}
  port: {{ $root.Values.service.port }}
  paths: {{ include "whatsapp-exporter.webhookPaths" (list $root (printf "/shard/%d" .)) | trim | splitList "\n" | toJson }}
{{- end }}
{{- else }}
- service: {{ $name | quote }}
  suffix: ""
  port: {{ .Values.service.port }}
  paths: {{ include "whatsapp-exporter.webhookPaths" (list . "") | trim | splitList "\n" | toJson }}
{{- end }}
{{- end }}

{{/* What cannot be right is refused with a sentence. */}}
{{- define "whatsapp-exporter.validate" -}}
{{- $v := .Values }}
{{- $sharded := include "whatsapp-exporter.sharded" . }}
{{- $sources := 0 }}
{{- range list $v.settings $v.existingSettings.configMap $v.existingSettings.secret }}
{{- if . }}{{ $sources = add1 $sources }}{{ end }}
{{- end }}
{{- if gt (int $sources) 1 }}
{{- fail "set one of settings, existingSettings.configMap and existingSettings.secret" }}
{{- end }}
{{- if and $sharded (gt (int $v.replicas) 1) }}
{{- fail "shards and replicas exclude each other: with shards, each pod watches its own part" }}
{{- end }}
{{- if and $v.state.enabled (gt (int $v.replicas) 1) }}
{{- fail "state.enabled needs replicas: 1: a state file has one writer. Use shards" }}
{{- end }}
{{- if and $sharded $v.state.existingClaim }}
{{- fail "state.existingClaim cannot serve several shards: each needs a volume of its own; leave it empty" }}
{{- end }}
{{- if and $v.web.tlsSecret (not $v.web.existingSecret) }}
{{- fail "web.tlsSecret needs web.existingSecret: a Secret with the web configuration file that names the certificate" }}
{{- end }}
{{- $reserved := list "CONFIG_FILE" "STATE_FILE" "WEB_CONFIG_FILE" "SHARD" "LISTEN_ADDRESS" }}
{{- range $name, $_ := $v.env }}
{{- if has $name $reserved }}
{{- fail (printf "env.%s: the chart sets it: see settings, state, web, shards and service" $name) }}
{{- end }}
{{- end }}
{{- range $name, $_ := $v.credentials }}
{{- range $other := list $name (printf "%s_FILE" $name) }}
{{- if hasKey $v.env $other }}
{{- fail (printf "env.%s and credentials.%s are the same credential: set one" $other $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $v.webhooks.ingress.enabled (not $v.webhooks.ingress.hosts) }}
{{- fail "webhooks.ingress.hosts is empty: name the host that providers send to" }}
{{- end }}
{{- if and $v.webhooks.httpRoute.enabled (not $v.webhooks.httpRoute.parentRefs) }}
{{- fail "webhooks.httpRoute.parentRefs is empty: name the Gateway" }}
{{- end }}
{{- if and $v.serviceMonitor.enabled (not $v.enabled) }}
{{- fail "serviceMonitor.enabled needs enabled: true: it scrapes this release's Service. For exporters that others install, set podMonitor.enabled" }}
{{- end }}
{{- with $v.serviceMonitor }}
{{- $elsewhere := and .namespace (ne .namespace (include "whatsapp-exporter.namespace" $)) }}
{{- if and .enabled $elsewhere $v.web.tlsSecret (not .tlsConfig) }}
{{- fail "serviceMonitor.namespace needs serviceMonitor.tlsConfig with web.tlsSecret: Prometheus Operator looks for the CA's Secret in the monitor's own namespace" }}
{{- end }}
{{- end }}
{{- if and $v.enabled $v.podDisruptionBudget.enabled (not $sharded) (lt (int $v.replicas) 2) }}
{{- fail "podDisruptionBudget.enabled needs shards or replicas of 2 or more" }}
{{- end }}
{{- end }}
