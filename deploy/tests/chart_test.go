package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	goyaml "sigs.k8s.io/yaml"
)

var versionLine = regexp.MustCompile(`(?m)^version = "(.*)"$`)

func TestTheChartHasTheVersionOfTheProgram(t *testing.T) {
	version := versionLine.FindStringSubmatch(read(t, root+"/Cargo.toml"))[1]
	metadata := loadChart(t).Metadata
	if metadata.Version != version || metadata.AppVersion != version {
		t.Errorf("Chart.yaml has %s and %s, Cargo.toml %s", metadata.Version, metadata.AppVersion, version)
	}
	image := "ghcr.io/whatsapp-exporter/whatsapp-exporter" + ":" + version
	if !strings.Contains(metadata.Annotations["artifacthub.io/images"], image+"\n") {
		t.Errorf("artifacthub.io/images does not name %s", image)
	}
}

// What a person installs is the same, whichever way it is installed.
func TestTheChartAndTheKustomizationMakeTheSameExporter(t *testing.T) {
	values := `
existingSettings: {configMap: whatsapp-exporter-settings}
secrets: [{name: whatsapp-exporter-tokens}]
networkPolicy: {enabled: true}
`
	// Their order means nothing.
	sorted := func(container map[string]any) map[string]any {
		for _, key := range []string{"env", "volumeMounts"} {
			items := list(container, key)
			sort.Slice(items, func(i, j int) bool { return text(items[i], "name") < text(items[j], "name") })
		}
		return container
	}
	check := func(values, folder string) {
		t.Helper()
		helm, kustomized := objects(t, values), kustomized(t, folder)
		h, k := only(t, helm, "Deployment", ""), only(t, kustomized, "Deployment", "")
		helmPod, _ := podTemplate(h)
		pod, _ := podTemplate(k)
		_, c := ours(helmPod)
		_, want := ours(pod)
		// What the cluster puts in by itself.
		if c["imagePullPolicy"] != "IfNotPresent" {
			t.Error("imagePullPolicy")
		}
		delete(c, "imagePullPolicy")
		same(t, folder+": the container", sorted(c), sorted(want))
		for _, key := range []string{"securityContext", "automountServiceAccountToken", "enableServiceLinks"} {
			same(t, folder+": "+key, at(helmPod, "spec", key), at(pod, "spec", key))
		}
		same(t, folder+": replicas", at(h, "spec", "replicas"), at(k, "spec", "replicas"))
		same(t, folder+": strategy", at(h, "spec", "strategy"), at(k, "spec", "strategy"))
		same(t, folder+": ports of the Service",
			at(only(t, helm, "Service", ""), "spec", "ports"),
			at(only(t, kustomized, "Service", ""), "spec", "ports"))
		for _, rules := range []string{"ingress", "egress", "policyTypes"} {
			same(t, folder+": NetworkPolicy, "+rules,
				at(only(t, helm, "NetworkPolicy", ""), "spec", rules),
				at(only(t, kustomized, "NetworkPolicy", ""), "spec", rules))
		}
	}
	check(values, manifests+"/standalone")
	check(values+"state: {enabled: true}\n", manifests+"/examples/standalone-state")

	tls := "web: {existingSecret: whatsapp-exporter-web, tlsSecret: whatsapp-exporter-tls}\n"
	helmPod, _ := podTemplate(only(t, objects(t, values+tls), "Deployment", ""))
	pod, _ := podTemplate(only(t, kustomized(t, manifests+"/examples/standalone-tls"), "Deployment", ""))
	_, c := ours(helmPod)
	_, want := ours(pod)
	for _, probe := range []string{"readinessProbe", "livenessProbe"} {
		same(t, "with TLS: "+probe, c[probe], want[probe])
	}
	same(t, "with TLS: the file", envOf(c)["WEB_CONFIG_FILE"], envOf(want)["WEB_CONFIG_FILE"])
	same(t, "with TLS: paths", mountPaths(c), mountPaths(want))
}

func envOf(container map[string]any) map[string]string {
	found := map[string]string{}
	for _, variable := range list(container, "env") {
		found[text(variable, "name")] = text(variable, "value")
	}
	return found
}

func mountPaths(container map[string]any) []string {
	var found []string
	for _, mount := range list(container, "volumeMounts") {
		found = append(found, text(mount, "mountPath"))
	}
	sort.Strings(found)
	return found
}

func TestTheChartAndTheKustomizationScrapeAlike(t *testing.T) {
	helm := objects(t, "serviceMonitor: {enabled: true}\npodMonitor: {enabled: true}\n")
	base := kustomized(t, manifests+"/base")
	same(t, "ServiceMonitor",
		at(only(t, helm, "ServiceMonitor", ""), "spec", "endpoints"),
		at(only(t, base, "ServiceMonitor", ""), "spec", "endpoints"))
	same(t, "PodMonitor",
		at(only(t, helm, "PodMonitor", ""), "spec"), at(only(t, base, "PodMonitor", ""), "spec"))
}

func rules(t *testing.T, values string) []any {
	t.Helper()
	return list(only(t, objects(t, values), "PrometheusRule", ""), "spec", "groups")
}

const withRules = "prometheusRule: {enabled: true}\n"

const (
	conditional = "{{ if $externalLabels.grafana_url }}"
	address     = "{{ $externalLabels.grafana_url }}"
)

func TestTheChartsRulesAreTheRules(t *testing.T) {
	got := rules(t, withRules)
	links := 0
	for _, group := range got {
		for _, rule := range list(group, "rules") {
			annotations, _ := at(rule, "annotations").(map[string]any)
			if link := text(annotations, "dashboard_url"); link != "" {
				if !strings.HasPrefix(link, conditional+address) {
					t.Errorf("%s: %s leads nowhere without the external label", text(rule, "alert"), link)
				}
				link = strings.TrimSuffix(strings.TrimPrefix(link, conditional), "{{ end }}")
				annotations["dashboard_url"] = link
				links++
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were seen", links)
	}
	same(t, "the rules", got, parse(t, root+"/alerts/whatsapp.rules.yaml")["groups"])
	base := only(t, kustomized(t, manifests+"/base"), "PrometheusRule", "")
	same(t, "the kustomization's rules", at(base, "spec", "groups"), got)
}

// promtool reads the groups as Prometheus would.
func promtool(t *testing.T, groups []any) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("LEFT OUT: promtool is not installed")
	}
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(show(map[string]any{"groups": groups})), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("promtool", "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, said)
	}
}

type threshold struct {
	About   string `json:"about"`
	Unit    string `json:"unit"`
	Default any    `json:"default"`
	In      []struct{ Rule, Field, Text, With string }
}

func thresholds(t testing.TB) map[string]threshold {
	t.Helper()
	found := map[string]threshold{}
	if err := goyaml.UnmarshalStrict([]byte(read(t, root+"/alerts/thresholds.yaml")), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func ruleNamed(groups []any, name string) map[string]any {
	for _, group := range groups {
		for _, rule := range list(group, "rules") {
			if text(rule, "alert") == name || text(rule, "record") == name {
				return rule.(map[string]any)
			}
		}
	}
	return nil
}

func TestEveryThresholdIsWhatTheRulesSay(t *testing.T) {
	groups := list(parse(t, root+"/alerts/whatsapp.rules.yaml"), "groups")
	for name, threshold := range thresholds(t) {
		if threshold.About == "" || threshold.Unit == "" || len(threshold.In) == 0 {
			t.Errorf("%s lacks words or places", name)
		}
		for _, place := range threshold.In {
			rule := ruleNamed(groups, place.Rule)
			if rule == nil {
				t.Errorf("alerts/thresholds.yaml: %s: there is no rule %s", name, place.Rule)
				continue
			}
			said := text(rule, place.Field) + text(rule, "annotations", place.Field)
			if !strings.Contains(said, place.Text) {
				t.Errorf("alerts/thresholds.yaml: %s: %s of %s does not say %q", name, place.Field, place.Rule, place.Text)
			}
			put := strings.ReplaceAll(place.With, "VALUE", fmt.Sprint(threshold.Default))
			if put != place.Text && put != strings.Replace(place.Text, "86400", "1 * 86400", 1) {
				t.Errorf("alerts/thresholds.yaml: %s: the default makes %q of %q", name, put, place.Text)
			}
		}
	}
}

func TestEveryThresholdCanBeChangedAndTheRulesRemainRules(t *testing.T) {
	was := rules(t, withRules)
	all := map[string]any{}
	for name, threshold := range thresholds(t) {
		value := any(23)
		if threshold.Unit == "duration" {
			value = "23m"
		}
		all[name] = value
		values := map[string]any{"prometheusRule": map[string]any{
			"enabled": true, "thresholds": map[string]any{name: value},
		}}
		is := rules(t, show(values))
		changed := map[string]bool{}
		for g := range is {
			for r, rule := range list(is[g], "rules") {
				if show(rule) != show(list(was[g], "rules")[r]) {
					changed[text(rule, "alert")+text(rule, "record")] = true
				}
			}
		}
		wanted := map[string]bool{}
		for _, place := range threshold.In {
			wanted[place.Rule] = true
			if said := show(ruleNamed(is, place.Rule)); !strings.Contains(said, "23") {
				t.Errorf("%s did not reach %s", name, place.Rule)
			}
		}
		same(t, name+" changes", changed, wanted)
	}
	promtool(t, rules(t, show(map[string]any{"prometheusRule": map[string]any{"enabled": true, "thresholds": all}})))
}

func TestTheOperatorsWordsReachTheAlerts(t *testing.T) {
	groups := rules(t, `
prometheusRule:
  enabled: true
  grafanaUrl: https://grafana.example.com/
  runbookUrl: https://wiki.example.com/runbooks/
  alertLabels: {team: messaging, severity: page}
  alertAnnotations: {owner: ops}
  disabled: [WhatsAppChannelFlapping]
  alerts:
    WhatsAppTokenExpiringSoon: {severity: info, labels: {team: tokens}, annotations: {summary: soon}}
    WhatsAppChannelBlind: {for: 2h, keep_firing_for: 1h}
  extraGroups: [{name: mine, rules: [{record: 'mine:x', expr: '1'}]}]
`)
	if ruleNamed(groups, "WhatsAppChannelFlapping") != nil {
		t.Error("a disabled alert is there")
	}
	if ruleNamed(groups, "mine:x") == nil {
		t.Error("the extra group is missing")
	}
	soon := ruleNamed(groups, "WhatsAppTokenExpiringSoon")
	// An alert's own severity wins over the labels of all.
	same(t, "labels", soon["labels"], map[string]string{"severity": "info", "team": "tokens"})
	same(t, "summary", at(soon, "annotations", "summary"), "soon")
	blind := ruleNamed(groups, "WhatsAppChannelBlind")
	same(t, "for", []any{blind["for"], blind["keep_firing_for"]}, []string{"2h", "1h"})
	same(t, "labels", blind["labels"], map[string]string{"severity": "critical", "team": "messaging"})
	alerts := 0
	for _, group := range groups {
		for _, rule := range list(group, "rules") {
			if name := text(rule, "alert"); name != "" {
				link, page := text(rule, "annotations", "dashboard_url"), text(rule, "annotations", "runbook_url")
				if !strings.HasPrefix(link, "https://grafana.example.com") || strings.Contains(link, "externalLabels") {
					t.Errorf("%s links to %s", name, link)
				}
				if page != "https://wiki.example.com/runbooks/"+name+".md" {
					t.Errorf("%s has the runbook %s", name, page)
				}
				same(t, name, at(rule, "annotations", "owner"), "ops")
				alerts++
			}
		}
	}
	if alerts < 20 {
		t.Errorf("only %d alerts were seen", alerts)
	}
	promtool(t, groups)
}

func TestEveryDashboardIsAConfigMapThatGrafanasSidecarFinds(t *testing.T) {
	all := objects(t, "dashboards: {enabled: true, namespace: monitoring}\n")
	boards := files(t, root+"/grafana/*.json")
	found := map[string]string{}
	for _, o := range all {
		if text(o, "metadata", "labels", "grafana_dashboard") == "1" {
			if text(o, "metadata", "namespace") != "monitoring" {
				t.Errorf("%s is elsewhere", o.id())
			}
			same(t, "folder", at(o, "metadata", "annotations"), map[string]string{"grafana_folder": "WhatsApp"})
			data := at(o, "data").(map[string]any)
			if len(data) != 1 {
				t.Errorf("%s has %d files", o.id(), len(data))
			}
			for name, content := range data {
				found[name] = content.(string)
			}
		}
	}
	for _, board := range boards {
		name := "whatsapp-" + filepath.Base(board)
		var got, want any
		if err := json.Unmarshal([]byte(found[name]), &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := json.Unmarshal([]byte(read(t, board)), &want); err != nil {
			t.Error(err)
		}
		same(t, name, got, want)
	}
	if len(found) != len(boards) {
		t.Errorf("%d ConfigMaps for %d dashboards", len(found), len(boards))
	}
}

func TestEveryDashboardIsInTheKustomization(t *testing.T) {
	found := map[string]bool{}
	for _, o := range kustomized(t, root+"/grafana") {
		for name := range at(o, "data").(map[string]any) {
			found[name] = true
		}
	}
	wanted := map[string]bool{}
	for _, board := range files(t, root+"/grafana/*.json") {
		wanted["whatsapp-"+filepath.Base(board)] = true
	}
	same(t, "grafana/kustomization.yaml", found, wanted)
}

const sharded = `
shards: 5
webhooks:
  providers: [waha, whapi]
  ingress: {enabled: true, hosts: [a.example.com, b.example.com]}
  httpRoute: {enabled: true, parentRefs: [{name: public}]}
serviceMonitor: {enabled: true}
`

func TestEveryShardsWebhooksReachItsPodAndNoOther(t *testing.T) {
	all := objects(t, sharded+"state: {enabled: true}\n")
	set := only(t, all, "StatefulSet", "")
	if has(all, "Deployment") || has(all, "PersistentVolumeClaim") {
		t.Error("shards are a StatefulSet whose volumes are its own")
	}
	template, _ := podTemplate(set)
	_, container := ours(template)
	same(t, "SHARD", envOf(container)["SHARD"], "auto/5")
	same(t, "replicas", at(set, "spec", "replicas"), 5)
	only(t, all, "Service", text(set, "spec", "serviceName"))
	same(t, "volumes", at(set, "spec", "volumeClaimTemplates", 0, "metadata", "name"), "state")

	pods := map[string]string{} // by Service
	for _, o := range all {
		if pod := text(o, "spec", "selector", "statefulset.kubernetes.io/pod-name"); pod != "" {
			pods[o.name()] = pod
		}
	}
	// The pod's ordinal is one less than the shard's number.
	leads := func(path, service string) {
		t.Helper()
		var shard int
		var provider string
		rest := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", " ")
		if _, err := fmt.Sscanf(rest, "shard %d webhook %s", &shard, &provider); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if want := fmt.Sprintf("%s-%d", set.name(), shard-1); pods[service] != want {
			t.Errorf("%s leads to %s, not %s", path, pods[service], want)
		}
	}
	paths := 0
	for _, rule := range list(only(t, all, "Ingress", ""), "spec", "rules") {
		for _, path := range list(rule, "http", "paths") {
			same(t, "pathType", text(path, "pathType"), "Prefix")
			leads(text(path, "path"), text(path, "backend", "service", "name"))
			paths++
		}
	}
	same(t, "paths of the Ingress", paths, 2*5*2)
	paths = 0
	for _, o := range all {
		if o.kind() == "HTTPRoute" {
			for _, rule := range list(o, "spec", "rules") {
				for _, match := range list(rule, "matches") {
					leads(text(match, "path", "value"), text(rule, "backendRefs", 0, "name"))
					paths++
				}
			}
		}
	}
	same(t, "paths of the routes", paths, 5*2)
}

func TestEachPodIsScrapedOnce(t *testing.T) {
	for _, values := range []string{"serviceMonitor: {enabled: true}\n", sharded} {
		all := objects(t, values)
		monitor := only(t, all, "ServiceMonitor", "")
		port := text(monitor, "spec", "endpoints", 0, "port")
		scraped := 0
		for _, o := range all {
			if o.kind() == "Service" {
				for _, p := range list(o, "spec", "ports") {
					if text(p, "name") == port {
						scraped++
					}
				}
			}
		}
		same(t, "Services with the port "+port, scraped, 1)
	}
}

func TestOnlyWebhooksAreLetInFromOutside(t *testing.T) {
	all := objects(t, `
webhooks:
  ingress: {enabled: true, hosts: [a.example.com]}
  httpRoute: {enabled: true, parentRefs: [{name: public}]}
`)
	ingress := only(t, all, "Ingress", "")
	same(t, "Ingress", at(ingress, "spec", "rules", 0, "http", "paths"), []any{map[string]any{
		"path": "/webhook", "pathType": "Prefix",
		"backend": map[string]any{"service": map[string]any{
			"name": "wa-whatsapp-exporter", "port": map[string]any{"number": 10401},
		}},
	}})
	if at(ingress, "spec", "defaultBackend") != nil {
		t.Error("there is a way past the paths")
	}
	same(t, "HTTPRoute", at(only(t, all, "HTTPRoute", ""), "spec", "rules", 0, "matches"),
		[]any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/webhook"}}})
}

func TestCredentialsAreFilesThatTheVariablesName(t *testing.T) {
	template, _ := podTemplate(only(t, objects(t, `
credentials:
  WAHA_API_KEY: {secret: waha, key: api-key}
  META_TOKEN: {secret: meta, key: token, optional: true}
env: {WAHA_URL: http://waha:3000, POLL_CONCURRENCY: 8, ENABLE_LIFECYCLE: true, META_APP_ID: 634974688087057}
envFrom: [{secretRef: {name: more}}]
`), "Deployment", ""))
	_, container := ours(template)
	same(t, "variables", envOf(container), map[string]string{
		"WAHA_API_KEY_FILE": "/run/secrets/whatsapp-credentials/WAHA_API_KEY",
		"META_TOKEN_FILE":   "/run/secrets/whatsapp-credentials/META_TOKEN",
		"WAHA_URL":          "http://waha:3000",
		"POLL_CONCURRENCY":  "8",
		"ENABLE_LIFECYCLE":  "true",
		"META_APP_ID":       "634974688087057",
	})
	same(t, "envFrom", container["envFrom"], []any{map[string]any{"secretRef": map[string]any{"name": "more"}}})
	same(t, "files", at(template, "spec", "volumes", 0, "projected", "sources"), []any{
		map[string]any{"secret": map[string]any{"name": "meta", "optional": true,
			"items": []any{map[string]any{"key": "token", "path": "META_TOKEN"}}}},
		map[string]any{"secret": map[string]any{"name": "waha",
			"items": []any{map[string]any{"key": "api-key", "path": "WAHA_API_KEY"}}}},
	})
	same(t, "folder", at(container, "volumeMounts", 0, "mountPath"), "/run/secrets/whatsapp-credentials")
}

func TestSettingsAreAConfigMapThatTheVariableNames(t *testing.T) {
	all := objects(t, "settings: {channels: [{name: sales, token_file: /run/secrets/whatsapp/sales}]}\n")
	template, _ := podTemplate(only(t, all, "Deployment", ""))
	_, container := ours(template)
	same(t, "CONFIG_FILE", envOf(container)["CONFIG_FILE"], "/etc/whatsapp-exporter/settings.yaml")
	settings := only(t, all, "ConfigMap", text(template, "spec", "volumes", 0, "configMap", "name"))
	var got any
	if err := goyaml.Unmarshal([]byte(text(settings, "data", "settings.yaml")), &got); err != nil {
		t.Fatal(err)
	}
	same(t, "settings", got, map[string]any{"channels": []any{
		map[string]any{"name": "sales", "token_file": "/run/secrets/whatsapp/sales"},
	}})
}

func TestWithoutAnExporterOnlyMonitoringIsInstalled(t *testing.T) {
	all := objects(t, `
enabled: false
settings: {channels: []}
state: {enabled: true}
networkPolicy: {enabled: true}
podMonitor: {enabled: true}
prometheusRule: {enabled: true}
dashboards: {enabled: true}
`)
	kinds := map[string]bool{}
	for _, o := range all {
		kinds[o.kind()] = true
	}
	same(t, "kinds", kinds, map[string]bool{"ConfigMap": true, "PodMonitor": true, "PrometheusRule": true})
}

func TestMonitorsSpeakTLSWhereTheExporterDoes(t *testing.T) {
	all := objects(t, `
web: {existingSecret: w, tlsSecret: t}
serviceMonitor: {enabled: true, extra: {honorLabels: true}}
podMonitor: {enabled: true, scheme: https, tlsConfig: {insecureSkipVerify: true}}
`)
	endpoint := at(only(t, all, "ServiceMonitor", ""), "spec", "endpoints", 0)
	same(t, "scheme", at(endpoint, "scheme"), "https")
	same(t, "extra", at(endpoint, "honorLabels"), true)
	same(t, "TLS", at(endpoint, "tlsConfig"), map[string]any{
		"serverName": "wa-whatsapp-exporter.shop.svc",
		"ca":         map[string]any{"secret": map[string]any{"name": "t", "key": "ca.crt"}},
	})
	same(t, "PodMonitor", at(only(t, all, "PodMonitor", ""), "spec", "podMetricsEndpoints", 0, "scheme"), "https")
}

func TestWhatCannotBeRightIsRefusedWithASentence(t *testing.T) {
	for values, sentence := range map[string]string{
		"shards: 2\nreplicas: 2":                                               "shards and replicas exclude each other",
		"state: {enabled: true}\nreplicas: 2":                                  "a state file has one writer",
		"shards: 2\nstate: {enabled: true, existingClaim: a}":                  "each needs a volume of its own",
		"settings: {tokens: [{}]}\nexistingSettings: {secret: a}":              "set one of settings",
		"existingSettings: {secret: a, configMap: b}":                          "set one of settings",
		"web: {tlsSecret: a}":                                                  "web.tlsSecret needs web.existingSecret",
		"env: {CONFIG_FILE: /a}":                                               "env.CONFIG_FILE: the chart sets it",
		"env: {META_TOKEN: x}\ncredentials: {META_TOKEN: {secret: a, key: b}}": "are the same credential",
		"webhooks: {ingress: {enabled: true}}":                                 "webhooks.ingress.hosts is empty",
		"webhooks: {httpRoute: {enabled: true}}":                               "webhooks.httpRoute.parentRefs is empty",
		"podDisruptionBudget: {enabled: true}":                                 "needs shards or replicas of 2 or more",
		"prometheusRule: {enabled: true, thresholds: {tokenExpiryDay: 3}}":     "there is no such threshold; there are ",
		"prometheusRule: {enabled: true, disabled: [WhatsAppNothing]}":         "there is no alert WhatsAppNothing",
		"prometheusRule: {enabled: true, alerts: {WhatsAppNothing: {}}}":       "there is no alert WhatsAppNothing",
		"prometheusRule: {grafanaUrl: grafana}":                                "/prometheusRule/grafanaUrl",
		"shards: 0":                                                            "/shards",
		"env: {waha_url: a}":                                                   "invalid propertyName 'waha_url'",
		"credentials: {META_TOKEN: {secret: a}}":                               "missing property 'key'",
		"image: {digest: latest}":                                              "/image/digest",
		"settings: {channel: []}":                                              "additional properties 'channel' not allowed",
		"serviceMonitor: {interval: 15}":                                       "/serviceMonitor/interval",
		"webhooks: {providers: [greenapi]}":                                    "/webhooks/providers/0",
		"enabled: false\nserviceMonitor: {enabled: true}":                      "serviceMonitor.enabled needs enabled: true",
		"serviceMonitor: {enabled: true, namespace: monitoring}\nweb: {existingSecret: w, tlsSecret: t}": "needs serviceMonitor.tlsConfig",
	} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), sentence) {
			t.Errorf("%s\nis answered %v, without %q", values, err, sentence)
		}
	}
}

func TestAKeyWithoutAValueIsAsGoodAsNone(t *testing.T) {
	for _, key := range []string{
		"podAnnotations", "podLabels", "commonLabels", "commonAnnotations", "extraVolumes", "extraVolumeMounts",
	} {
		if _, err := render(t, key+":\n"); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestWebhooksAreForProvidersThatThereAre(t *testing.T) {
	schema := schemaOf(t)
	known := list(schema, "properties", "webhooks", "properties", "providers", "items", "enum")
	var labels []any
	for _, line := range strings.Split(read(t, "../../src/providers/mod.rs"), "\n") {
		if name, is := strings.CutPrefix(strings.TrimSpace(line), "mod "); is {
			labels = append(labels, strings.TrimSuffix(name, ";"))
		}
	}
	for _, label := range known {
		if !slices.Contains(labels, label) {
			t.Errorf("the schema knows %v, which is no provider", label)
		}
	}
	if len(known) != len(labels) || len(known) == 0 {
		t.Errorf("the schema knows %v, and there are %v", known, labels)
	}
}

func TestTheNotesTellWhatIsMissing(t *testing.T) {
	notes := func(values string) string {
		rendered, err := render(t, values)
		if err != nil {
			t.Fatal(err)
		}
		return rendered["whatsapp-exporter/templates/NOTES.txt"]
	}
	if said := notes(""); !strings.Contains(said, "NOTHING IS WATCHED YET") || !strings.Contains(said, "deployment/wa-whatsapp-exporter ") {
		t.Error(said)
	}
	if said := notes(sharded + "env: {WAHA_URL: 'http://waha'}"); strings.Contains(said, "NOTHING") || !strings.Contains(said, "pod/wa-whatsapp-exporter-0 ") {
		t.Error(said)
	}
	if said := notes(withRules); !strings.Contains(said, "`prometheusRule.grafanaUrl` is set") {
		t.Error(said)
	}
}
