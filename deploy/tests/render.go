// Package tests holds what deploy/ ships against what it says: the Helm chart, the kustomizations
// and the mixin are rendered by the libraries of Helm, kustomize and Jsonnet themselves.
//
// Not here: what the program accepts (tests/it/manifests.rs) and the rules' own tests (alerts/tests).
package tests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	goyaml "sigs.k8s.io/yaml"
)

const (
	root      = "../.."
	chartDir  = "../helm/whatsapp-exporter"
	manifests = "../kubernetes"
	release   = "wa"
	namespace = "shop"
)

// object is a Kubernetes object as YAML has it.
type object map[string]any

func (o object) kind() string { return text(o, "kind") }
func (o object) name() string { return text(o, "metadata", "name") }
func (o object) id() string   { return o.kind() + "/" + o.name() }

// at follows keys (strings) and indices (ints); nil where the path ends early.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			if o, is := value.(object); is {
				value = map[string]any(o)
			}
			m, is := value.(map[string]any)
			if !is {
				return nil
			}
			value = m[step]
		case int:
			l, is := value.([]any)
			if !is || step >= len(l) {
				return nil
			}
			value = l[step]
		}
	}
	return value
}

func text(value any, path ...any) string {
	s, _ := at(value, path...).(string)
	return s
}

func list(value any, path ...any) []any {
	l, _ := at(value, path...).([]any)
	return l
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func parse(t testing.TB, path string) map[string]any {
	t.Helper()
	value := map[string]any{}
	if err := goyaml.Unmarshal([]byte(read(t, path)), &value); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return value
}

func files(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: nothing is there (%v)", pattern, err)
	}
	sort.Strings(found)
	return found
}

func documents(t testing.TB, manifest string) []object {
	t.Helper()
	var found []object
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(manifest), 4096)
	for {
		o := object{}
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, manifest)
		}
		if len(o) > 0 {
			found = append(found, o)
		}
	}
}

func loadChart(t testing.TB) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render is `helm template`, with the schema's checks. Values are YAML.
func render(t testing.TB, values string) (map[string]string, error) {
	t.Helper()
	return renderAs(t, release, values)
}

// renderAs is the same for a release of this name.
func renderAs(t testing.TB, release, values string) (map[string]string, error) {
	t.Helper()
	v := map[string]any{}
	if err := goyaml.Unmarshal([]byte(values), &v); err != nil {
		t.Fatalf("%v in\n%s", err, values)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.33.0", Major: "1", Minor: "33"}
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, IsInstall: true, Revision: 1}
	c := loadChart(t)
	top, err := chartutil.ToRenderValues(c, v, options, capabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, top)
}

// objects are those of the chart with these values.
func objects(t testing.TB, values string) []object {
	t.Helper()
	return objectsAs(t, release, values)
}

// objectsAs are the same of a release of this name.
func objectsAs(t testing.TB, release, values string) []object {
	t.Helper()
	rendered, err := renderAs(t, release, values)
	if err != nil {
		t.Fatalf("%v\nwith\n%s", err, values)
	}
	var found []object
	for path, manifest := range rendered {
		if strings.HasSuffix(path, ".yaml") {
			found = append(found, documents(t, manifest)...)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].id() < found[j].id() })
	return found
}

func only(t testing.TB, all []object, kind, name string) object {
	t.Helper()
	for _, o := range all {
		if o.kind() == kind && (name == "" || o.name() == name) {
			return o
		}
	}
	t.Fatalf("no %s %s", kind, name)
	return nil
}

func has(all []object, kind string) bool {
	for _, o := range all {
		if o.kind() == kind {
			return true
		}
	}
	return false
}

// kustomize is `kubectl kustomize`.
func kustomize(folder string) ([]object, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	var found []object
	for _, r := range built.Resources() {
		m, err := r.Map()
		if err != nil {
			return nil, err
		}
		found = append(found, object(m))
	}
	return found, nil
}

func kustomized(t testing.TB, folder string) []object {
	t.Helper()
	found, err := kustomize(folder)
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	return found
}

// kustomizations are all folders that people apply.
func kustomizations(t testing.TB) []string {
	folders := []string{root + "/grafana", manifests + "/base", manifests + "/standalone", "testdata/kinds"}
	for _, path := range files(t, manifests+"/examples/*/kustomization.yaml") {
		folders = append(folders, filepath.Dir(path))
	}
	return folders
}

// podTemplate is what an object makes pods of, and whether it makes any.
func podTemplate(o object) (map[string]any, bool) {
	for _, path := range [][]any{{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}} {
		if template, is := at(o, path...).(map[string]any); is && at(template, "spec", "containers") != nil {
			return template, true
		}
	}
	return nil, false
}

func ours(template map[string]any) (where string, container map[string]any) {
	for _, where := range []string{"containers", "initContainers"} {
		for _, c := range list(template, "spec", where) {
			if text(c, "name") == "whatsapp-exporter" {
				return where, c.(map[string]any)
			}
		}
	}
	return "", nil
}

// show is YAML, to compare and to print.
func show(value any) string {
	content, err := goyaml.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(content)
}

func same(t testing.TB, what string, got, wanted any) {
	t.Helper()
	if show(got) != show(wanted) {
		t.Errorf("%s:\n--- got\n%s--- wanted\n%s", what, show(got), show(wanted))
	}
}
