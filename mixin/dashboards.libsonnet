// The dashboards, by the name of their file; written by deploy/helm/sync.
{
  'whatsapp-channel.json': import '../grafana/channel.json',
  'whatsapp-channels.json': import '../grafana/channels.json',
  'whatsapp-delivery.json': import '../grafana/delivery.json',
  'whatsapp-exporter.json': import '../grafana/exporter.json',
  'whatsapp-meta.json': import '../grafana/meta.json',
  'whatsapp-sources.json': import '../grafana/sources.json',
  'whatsapp-tokens.json': import '../grafana/tokens.json',
}
