{{/* The endpoint of a monitor: a list of its values, the scheme, the TLS and the first relabelings. */}}
{{- define "whatsapp-exporter.endpoint" -}}
{{- $monitor := index . 0 }}
{{- $endpoint := dict
  "port" "wa-metrics"
  "path" "/metrics"
  "interval" $monitor.interval
  "scrapeTimeout" $monitor.scrapeTimeout }}
{{- if eq (index . 1) "https" }}
{{- $_ := set $endpoint "scheme" "https" }}
{{- end }}
{{- with index . 2 }}
{{- $_ := set $endpoint "tlsConfig" . }}
{{- end }}
{{- with $monitor.basicAuth }}
{{- $_ := set $endpoint "basicAuth" . }}
{{- end }}
{{- with concat (index . 3) $monitor.relabelings }}
{{- $_ := set $endpoint "relabelings" . }}
{{- end }}
{{- with $monitor.metricRelabelings }}
{{- $_ := set $endpoint "metricRelabelings" . }}
{{- end }}
{{- toYaml (mergeOverwrite $endpoint (deepCopy $monitor.extra)) }}
{{- end }}
