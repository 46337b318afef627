package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	gateway "sigs.k8s.io/gateway-api/apis/v1"

	core "k8s.io/api/core/v1"
)

// Kinds whose types are not at hand.
var foreign = map[string]bool{"Certificate": true, "Rollout": true}

var strict = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgo.AddToScheme, monitoring.AddToScheme, gateway.Install,
	} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}()

// shipped is everything that deploy/ can make, by where it comes from.
func shipped(t *testing.T) map[string][]object {
	all := map[string][]object{"the chart": objects(t, "")}
	for _, path := range files(t, chartDir+"/ci/*-values.yaml") {
		all[path] = objects(t, read(t, path))
	}
	for _, folder := range kustomizations(t) {
		all[folder] = kustomized(t, folder)
	}
	return all
}

func TestEveryObjectHasOnlyFieldsThatItsTypeHas(t *testing.T) {
	seen := map[string]bool{}
	for from, all := range shipped(t) {
		names := map[string]bool{}
		for _, o := range all {
			if names[o.id()] {
				t.Errorf("%s: %s is there twice", from, o.id())
			}
			names[o.id()] = true
			if problems := validation.IsDNS1123Subdomain(o.name()); problems != nil {
				t.Errorf("%s: %s: %v", from, o.id(), problems)
			}
			if foreign[o.kind()] {
				continue
			}
			content, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			kind := schema.FromAPIVersionAndKind(text(o, "apiVersion"), o.kind())
			if _, _, err := strict.Decode(content, &kind, nil); err != nil {
				t.Errorf("%s: %s: %v", from, o.id(), err)
			}
			seen[o.kind()] = true
		}
	}
	for _, kind := range []string{
		"ConfigMap", "CronJob", "DaemonSet", "Deployment", "HTTPRoute", "Ingress", "Job", "NetworkPolicy",
		"PersistentVolumeClaim", "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "Service",
		"ServiceAccount", "ServiceMonitor", "StatefulSet",
	} {
		if !seen[kind] {
			t.Errorf("no %s was seen", kind)
		}
	}
}

// Helm takes such names, and YAML reads some of them as numbers, booleans or nothing.
func TestEveryNameOfAReleaseGivesNamesThatKubernetesTakes(t *testing.T) {
	long := strings.Repeat("a", 48)
	names := []string{"123", "1.5", "1e3", "0x10", "true", "null", "on", "wa.eu", long + "---bb", long + "a.bbb"}
	for _, name := range names {
		override := "fullnameOverride: " + strconv.Quote(name) + "\nnameOverride: " + strconv.Quote(name) + "\n"
		for what, all := range map[string][]object{
			"release":   objectsAs(t, name, "shards: 2\nstate: {enabled: true}\n"),
			"overrides": objects(t, override+"state: {enabled: true}\n"),
		} {
			for _, o := range all {
				problems := validation.IsDNS1123Subdomain(o.name())
				if o.kind() == "Service" {
					problems = validation.IsDNS1123Label(o.name())
				}
				labels, _ := at(o, "metadata", "labels").(map[string]any)
				for label, value := range labels {
					word, isText := value.(string)
					if !isText {
						problems = append(problems, fmt.Sprintf("label %s is %v, no text", label, value))
					}
					problems = append(problems, validation.IsValidLabelValue(word)...)
				}
				if problems != nil {
					t.Errorf("%s %s: %s: %v", what, name, o.id(), problems)
				}
			}
		}
	}
}

// With server-side apply, as Helm 4 does, a field that nobody has written cannot be taken away.
func TestAStrategyIsWrittenThatStateCanReplace(t *testing.T) {
	for _, o := range append(objects(t, ""), kustomized(t, manifests+"/standalone")...) {
		if o.kind() == "Deployment" && at(o, "spec", "strategy", "rollingUpdate", "maxSurge") == nil {
			t.Errorf("%s leaves its strategy to the server", o.id())
		}
	}
}

func TestEveryPodFitsPodSecurityRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	pods := 0
	for from, all := range shipped(t) {
		for _, o := range all {
			template, is := podTemplate(o)
			if !is {
				continue
			}
			content, err := json.Marshal(template)
			if err != nil {
				t.Fatal(err)
			}
			pod := core.PodTemplateSpec{}
			if err := json.Unmarshal(content, &pod); err != nil {
				t.Fatal(err)
			}
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
			if !result.Allowed {
				t.Errorf("%s: %s: %s", from, o.id(), result.ForbiddenDetail())
			}
			pods++
		}
	}
	if pods < 10 {
		t.Errorf("only %d pods were seen", pods)
	}
}

func TestEveryPodSaysWhyItEndedAndMountsNoFileThatNeverChanges(t *testing.T) {
	for from, all := range shipped(t) {
		for _, o := range all {
			template, _ := podTemplate(o)
			if _, container := ours(template); container != nil {
				if text(container, "terminationMessagePolicy") != "FallbackToLogsOnError" {
					t.Errorf("%s: %s hides its last words", from, o.id())
				}
				for _, mount := range list(container, "volumeMounts") {
					if at(mount, "subPath") != nil {
						t.Errorf("%s: %s mounts a single file", from, o.id())
					}
					writable := at(mount, "readOnly") == nil
					if writable != (text(mount, "name") == "state") {
						t.Errorf("%s: %s: %s", from, o.id(), show(mount))
					}
				}
			}
		}
	}
}

func TestNoSecretIsShipped(t *testing.T) {
	for from, all := range shipped(t) {
		if has(all, "Secret") {
			t.Errorf("%s has a Secret", from)
		}
	}
}

// update is set by `deploy/helm/test --update`.
var update = os.Getenv("UPDATE") != ""

// equals compares a file that is written by a command, or writes it.
func equals(t *testing.T, path, wanted string) {
	t.Helper()
	if update {
		if err := os.WriteFile(path, []byte(wanted), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := read(t, path); got != wanted {
		was, is := strings.Split(got, "\n"), strings.Split(wanted, "\n")
		for line := range is {
			if line >= len(was) || was[line] != is[line] {
				t.Fatalf("%s:%d is old: run deploy/helm/test --update; it should be\n%s", path, line+1, is[line])
			}
		}
		t.Fatalf("%s is longer than it should be: run deploy/helm/test --update", path)
	}
}
