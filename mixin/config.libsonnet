// What a user of the mixin may change. The chart has the same under `prometheusRule`.
{
  _config+:: {
    // Where Grafana is, such as https://grafana.example.com: the start of the alerts' `dashboard_url`.
    // If empty, Prometheus' external label `grafana_url`.
    grafanaUrl: '',
    // Where the runbooks are; those of the project if empty.
    runbookUrl: '',
    // Labels and annotations of every alert.
    alertLabels: {},
    alertAnnotations: {},
    // Names of alerts to leave out.
    disabled: [],
    // Changes by alert: `severity`, `for`, `keep_firing_for`, `labels`, `annotations`.
    alerts: {},
    // Thresholds that differ, by name: alerts/thresholds.yaml.
    thresholds: {},
  },
}
