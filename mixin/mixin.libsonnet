// The alerts and dashboards for those who use Jsonnet: a wrapper around alerts/whatsapp.rules.yaml and
// grafana/*.json, which stay the only source. README.md beside this file has an example.
local config = import 'config.libsonnet';
local rules = std.parseYaml(importstr '../alerts/whatsapp.rules.yaml');
local thresholds = std.parseYaml(importstr '../alerts/thresholds.yaml');

config {
  local c = self._config,

  local nameOf(rule) = if 'alert' in rule then rule.alert else rule.record,
  local alertNames = [rule.alert for group in rules.groups for rule in group.rules if 'alert' in rule],

  // Refuses names that are not there.
  local known =
    [
      error '_config.thresholds: there is no threshold ' + name
      for name in std.objectFields(c.thresholds)
      if !(name in thresholds)
    ] + [
      error '_config: there is no alert ' + name
      for name in c.disabled + std.objectFields(c.alerts)
      if !std.member(alertNames, name)
    ],

  // The rule with the thresholds that differ.
  local withThresholds(rule) =
    local places = [
      place { value: std.toString(c.thresholds[name]) }
      for name in std.objectFields(c.thresholds)
      for place in thresholds[name]['in']
      if place.rule == nameOf(rule)
    ];
    local put(text, place) = std.strReplace(text, place.text, std.strReplace(place.with, 'VALUE', place.value));
    local change(rule, place) =
      if place.field in rule
      then rule { [place.field]: put(rule[place.field], place) }
      else rule { annotations+: { [place.field]: put(rule.annotations[place.field], place) } };
    std.foldl(change, places, rule),

  local withWishes(rule) =
    local wish = if rule.alert in c.alerts then c.alerts[rule.alert] else {};
    local address = '{{ $externalLabels.grafana_url }}';
    rule
    + { [key]: wish[key] for key in ['for', 'keep_firing_for'] if key in wish }
    + {
      labels:
        c.alertLabels + rule.labels
        + std.get(wish, 'labels', {})
        + (if 'severity' in wish then { severity: wish.severity } else {}),
      annotations+:
        (if c.grafanaUrl != ''
         then { dashboard_url: std.strReplace(rule.annotations.dashboard_url, address, std.rstripChars(c.grafanaUrl, '/')) }
         else {})
        + (if c.runbookUrl != ''
           then { runbook_url: std.rstripChars(c.runbookUrl, '/') + '/' + rule.alert + '.md' }
           else {})
        + c.alertAnnotations + std.get(wish, 'annotations', {}),
    },

  // All groups in one file: recording rules stand among the alerts that need them, and their order
  // counts.
  prometheusAlerts+:: {
    groups+: [
      group {
        rules: [
          if 'alert' in rule then withWishes(withThresholds(rule)) else withThresholds(rule)
          for rule in group.rules
          if !('alert' in rule && std.member(c.disabled, rule.alert))
        ],
      }
      for group in (if std.length(known) == 0 then rules.groups else known)
    ],
  },
  prometheusRules+:: { groups+: [] },

  grafanaDashboards+:: import 'dashboards.libsonnet',
}
