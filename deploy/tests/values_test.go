package tests

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func schemaOf(t *testing.T) map[string]any {
	t.Helper()
	schema := map[string]any{}
	if err := json.Unmarshal([]byte(read(t, chartDir+"/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

// Values that are Kubernetes' own objects: they may have keys that values.yaml does not show.
var kubernetes = map[string]bool{
	".readinessProbe": true, ".livenessProbe": true, ".resources": true, ".podMonitor.namespaceSelector": true,
}

func TestTheSchemaKnowsEveryValueAndNoOther(t *testing.T) {
	var walk func(path string, value any, schema map[string]any)
	walk = func(path string, value any, schema map[string]any) {
		properties, closed := schema["properties"].(map[string]any)
		object, isObject := value.(map[string]any)
		if !isObject {
			if schema["type"] == nil && schema["enum"] == nil {
				t.Errorf("%s has no type", path)
			}
			return
		}
		if !closed {
			return // a map of the operator's own names
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s takes unknown keys", path)
		}
		for key, inner := range object {
			if properties[key] == nil {
				t.Errorf("the schema does not know %s.%s", path, key)
				continue
			}
			walk(path+"."+key, inner, properties[key].(map[string]any))
		}
		for key := range properties {
			if _, is := object[key]; !is && len(object) > 0 && !kubernetes[path] && path+key != "global" {
				t.Errorf("values.yaml does not have %s.%s", path, key)
			}
		}
	}
	walk("", map[string]any(parse(t, chartDir+"/values.yaml")), schemaOf(t))
}

func TestAnUnknownKeyIsRefusedWhereverItStands(t *testing.T) {
	tried := 0
	var walk func(path []string, schema map[string]any)
	walk = func(path []string, schema map[string]any) {
		properties, is := schema["properties"].(map[string]any)
		if !is {
			return
		}
		values := any(map[string]any{"unknownKey": true})
		for i := len(path) - 1; i >= 0; i-- {
			values = map[string]any{path[i]: values}
		}
		if _, err := render(t, show(values)); err == nil || !strings.Contains(err.Error(), "unknownKey") {
			t.Errorf("%s.unknownKey: %v", strings.Join(path, "."), err)
		}
		tried++
		for key, inner := range properties {
			walk(append(append([]string{}, path...), key), inner.(map[string]any))
		}
	}
	walk(nil, schemaOf(t))
	if tried < 20 {
		t.Errorf("only %d objects were tried", tried)
	}
}

// What values.yaml says of each value: helm-docs' `# -- …` above its key.
func TestTheReadmeListsEveryValue(t *testing.T) {
	node, err := yaml.Parse(read(t, chartDir+"/values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	var walk func(path string, node *yaml.Node)
	walk = func(path string, node *yaml.Node) {
		for i := 0; i < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			name := strings.TrimPrefix(path+"."+key.Value, ".")
			comment := key.HeadComment
			if at := strings.Index(comment, "# -- "); at >= 0 {
				about := strings.ReplaceAll(comment[at+5:], "\n# ", " ")
				rows = append(rows, fmt.Sprintf("| `%s` | `%s` | %s |", name, compact(t, value), about))
			} else if value.Kind == yaml.MappingNode && len(value.Content) > 0 {
				walk(name, value)
			} else {
				t.Errorf("values.yaml does not say what %s is", name)
			}
		}
	}
	walk("", node.YNode())

	var names []string
	all := thresholds(t)
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	var limits []string
	for _, name := range names {
		limits = append(limits, fmt.Sprintf("| `%s` | `%v` | %s | %s |", name, all[name].Default, all[name].Unit, all[name].About))
	}
	readme := read(t, chartDir+"/README.md.in")
	readme = strings.ReplaceAll(readme, "{{VERSION}}", loadChart(t).Metadata.Version)
	readme = strings.Replace(readme, "{{VALUES}}", strings.Join(rows, "\n"), 1)
	readme = strings.Replace(readme, "{{THRESHOLDS}}", strings.Join(limits, "\n"), 1)
	equals(t, chartDir+"/README.md", readme)
}

func compact(t *testing.T, node *yaml.Node) string {
	t.Helper()
	var value any
	if err := node.Decode(&value); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
