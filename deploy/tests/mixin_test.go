package tests

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-jsonnet"
)

func evaluate(t *testing.T, config, member string) (map[string]any, error) {
	t.Helper()
	vm := jsonnet.MakeVM()
	vm.Importer(&jsonnet.FileImporter{JPaths: []string{root + "/mixin"}})
	said, err := vm.EvaluateAnonymousSnippet("test.jsonnet",
		"((import 'mixin.libsonnet') + {_config+:: "+config+"})."+member)
	if err != nil {
		return nil, err
	}
	found := map[string]any{}
	if err := json.Unmarshal([]byte(said), &found); err != nil {
		t.Fatal(err)
	}
	return found, nil
}

func mixed(t *testing.T, config string) []any {
	t.Helper()
	found, err := evaluate(t, config, "prometheusAlerts")
	if err != nil {
		t.Fatal(err)
	}
	return list(found, "groups")
}

func TestTheMixinsRulesAreTheRules(t *testing.T) {
	same(t, "the mixin", mixed(t, "{}"), parse(t, root+"/alerts/whatsapp.rules.yaml")["groups"])
	others, err := evaluate(t, "{}", "prometheusRules")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "prometheusRules", others, map[string]any{"groups": []any{}})
}

func TestTheMixinMakesOfWishesWhatTheChartMakes(t *testing.T) {
	wishes := map[string]any{
		"grafanaUrl":       "https://grafana.example.com/",
		"runbookUrl":       "https://wiki.example.com/",
		"alertLabels":      map[string]any{"team": "messaging", "severity": "page"},
		"alertAnnotations": map[string]any{"owner": "ops"},
		"disabled":         []any{"WhatsAppChannelFlapping"},
		"alerts": map[string]any{
			"WhatsAppTokenExpiringSoon": map[string]any{
				"severity": "info", "labels": map[string]any{"team": "tokens"},
				"annotations": map[string]any{"summary": "soon"},
			},
			"WhatsAppChannelBlind": map[string]any{"for": "2h", "keep_firing_for": "1h"},
		},
		"thresholds": map[string]any{},
	}
	for name, threshold := range thresholds(t) {
		if threshold.Unit == "duration" {
			wishes["thresholds"].(map[string]any)[name] = "23m"
		} else {
			wishes["thresholds"].(map[string]any)[name] = 23
		}
	}
	config, err := json.Marshal(wishes)
	if err != nil {
		t.Fatal(err)
	}
	got := mixed(t, string(config))
	wishes["enabled"] = true
	same(t, "the mixin", got, rules(t, show(map[string]any{"prometheusRule": wishes})))
	promtool(t, got)
}

func TestTheMixinHasEveryDashboard(t *testing.T) {
	found, err := evaluate(t, "{}", "grafanaDashboards")
	if err != nil {
		t.Fatal(err)
	}
	boards := files(t, root+"/grafana/*.json")
	for _, board := range boards {
		var want any
		if err := json.Unmarshal([]byte(read(t, board)), &want); err != nil {
			t.Fatal(err)
		}
		name := "whatsapp-" + filepath.Base(board)
		same(t, name, found[name], want)
	}
	same(t, "dashboards", len(found), len(boards))
}

func TestTheMixinRefusesNamesThatAreNotThere(t *testing.T) {
	for config, sentence := range map[string]string{
		"{disabled: ['WhatsAppNothing']}":    "there is no alert WhatsAppNothing",
		"{alerts: {WhatsAppNothing: {}}}":    "there is no alert WhatsAppNothing",
		"{thresholds: {tokenExpiryDay: 14}}": "there is no threshold tokenExpiryDay",
	} {
		if _, err := evaluate(t, config, "prometheusAlerts"); err == nil || !strings.Contains(err.Error(), sentence) {
			t.Errorf("%s is answered %v", config, err)
		}
	}
}
