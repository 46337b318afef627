// The dashboards, by the name of their file; written by deploy/helm/sync.
{
  'whatsapp-channels.json': import '../grafana/channels.json',
  'whatsapp-exporter.json': import '../grafana/exporter.json',
  'whatsapp-tokens.json': import '../grafana/tokens.json',
}
