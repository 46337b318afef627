{{/*
The groups of rules: files/whatsapp.rules.yaml, which is alerts/whatsapp.rules.yaml, with the
thresholds of files/thresholds.yaml and the operator's changes put in. Without any they are the
file's own rules.
*/}}
{{- define "whatsapp-exporter.rules" -}}
{{- $values := .Values.prometheusRule }}
{{- $rules := .Files.Get "files/whatsapp.rules.yaml" | fromYaml }}
{{- $thresholds := .Files.Get "files/thresholds.yaml" | fromYaml }}
{{- if or $rules.Error $thresholds.Error }}
{{- fail (printf "files/: %v %v" $rules.Error $thresholds.Error) }}
{{- end }}
{{- range $name, $_ := $values.thresholds }}
{{- if not (hasKey $thresholds $name) }}
{{- fail (printf "prometheusRule.thresholds.%s: there is no such threshold; there are %s" $name (keys $thresholds | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- $known := list }}
{{- $groups := list }}
{{- range $group := $rules.groups }}
{{- $kept := list }}
{{- range $rule := $group.rules }}
{{- $alert := $rule.alert }}
{{- if $alert }}
{{- $known = append $known $alert }}
{{- end }}
{{- if not (and $alert (has $alert $values.disabled)) }}
{{- $rule = include "whatsapp-exporter.thresholds" (list $rule $thresholds $values.thresholds) | fromYaml }}
{{- if $alert }}
{{- $rule = include "whatsapp-exporter.alert" (list $rule $values) | fromYaml }}
{{- end }}
{{- $kept = append $kept $rule }}
{{- end }}
{{- end }}
{{- $groups = append $groups (set $group "rules" $kept) }}
{{- end }}
{{- range $name := concat $values.disabled (keys $values.alerts) }}
{{- if not (has $name $known) }}
{{- fail (printf "prometheusRule: there is no alert %s; there are %s" $name ($known | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- toYaml $groups }}
{{- end }}

{{/* A rule with the thresholds that the operator changed: a list of it, all thresholds, the changes. */}}
{{- define "whatsapp-exporter.thresholds" -}}
{{- $rule := index . 0 }}
{{- $changes := index . 2 }}
{{- $name := $rule.alert | default $rule.record }}
{{- range $threshold, $spec := index . 1 }}
{{- if hasKey $changes $threshold }}
{{- $value := index $changes $threshold | toString }}
{{- range $place := $spec.in }}
{{- if eq $place.rule $name }}
{{- $holder := ternary $rule $rule.annotations (hasKey $rule $place.field) }}
{{- $text := index $holder $place.field }}
{{- if not (contains $place.text $text) }}
{{- fail (printf "files/thresholds.yaml: %s: %s of %s does not contain %q" $threshold $place.field $name $place.text) }}
{{- end }}
{{- $_ := set $holder $place.field ($text | replace $place.text ($place.with | replace "VALUE" $value)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $rule }}
{{- end }}

{{/* An alert with the operator's changes: a list of it and `prometheusRule`. */}}
{{- define "whatsapp-exporter.alert" -}}
{{- $rule := index . 0 }}
{{- $values := index . 1 }}
{{- $change := index $values.alerts $rule.alert | default dict }}
{{- range $key := list "for" "keep_firing_for" }}
{{- with index $change $key }}
{{- $_ := set $rule $key . }}
{{- end }}
{{- end }}
{{- $labels := mergeOverwrite (deepCopy $values.alertLabels) $rule.labels ($change.labels | default dict) }}
{{- with $change.severity }}
{{- $_ := set $labels "severity" . }}
{{- end }}
{{- $_ := set $rule "labels" $labels }}
{{- $annotations := $rule.annotations }}
{{- with $values.runbookUrl }}
{{- $_ := set $annotations "runbook_url" (printf "%s/%s.md" (trimSuffix "/" .) $rule.alert) }}
{{- end }}
{{- with $annotations.dashboard_url }}
{{- $address := "{{ $externalLabels.grafana_url }}" }}
{{- if $values.grafanaUrl }}
{{- $_ := set $annotations "dashboard_url" (replace $address (trimSuffix "/" $values.grafanaUrl) .) }}
{{- else }}
{{- /* No link is better than one that leads nowhere. */}}
{{- $_ := set $annotations "dashboard_url" (printf "{{ if $externalLabels.grafana_url }}%s{{ end }}" .) }}
{{- end }}
{{- end }}
{{- $_ := set $rule "annotations" (mergeOverwrite $annotations (deepCopy $values.alertAnnotations) ($change.annotations | default dict)) }}
{{- toYaml $rule }}
{{- end }}
