package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build renders one kustomization with these files, beside the components.
func build(t *testing.T, files map[string]string) ([]object, error) {
	t.Helper()
	components, err := filepath.Abs(manifests + "/components")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	// The libraries of macOS and kustomize disagree on links in the path of a temporary folder.
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		relative, err := filepath.Rel(folder, components)
		if err != nil {
			t.Fatal(err)
		}
		content = strings.ReplaceAll(content, "COMPONENTS", relative)
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return kustomize(folder)
}

func everyKind(t *testing.T, components string) []object {
	t.Helper()
	found, err := build(t, map[string]string{
		"kustomization.yaml": "resources: [workloads.yaml]\ncomponents: [" + components + "]\n" +
			"configMapGenerator: [{name: whatsapp-exporter, literals: [WHAPI_CHANNEL=sales]}]\n",
		"workloads.yaml": read(t, "testdata/kinds/app/workloads.yaml"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEveryKindOfWorkloadGetsTheSidecar(t *testing.T) {
	for component, startsFirst := range map[string]bool{"sidecar": false, "sidecar-strict": true} {
		pod := parse(t, manifests+"/components/"+component+"/sidecar.yaml")
		_, wanted := ours(map[string]any{"spec": pod["spec"]})
		delete(wanted, "restartPolicy")
		all := everyKind(t, "COMPONENTS/"+component)
		settings := only(t, all, "ConfigMap", "").name()
		kinds := map[string]bool{}
		for _, o := range all {
			template, is := podTemplate(o)
			if !is {
				continue
			}
			kinds[o.kind()] = true
			id := component + ": " + o.id()
			where, container := ours(template)
			endsByItself := strings.HasSuffix(o.kind(), "Job")
			if startsFirst || endsByItself {
				same(t, id+": it is a native sidecar", []any{where, container["restartPolicy"]}, []string{"initContainers", "Always"})
			} else {
				same(t, id+": it is the last container", text(template, "spec", "containers", 1, "name"), "whatsapp-exporter")
				same(t, id, container["restartPolicy"], nil)
			}
			delete(container, "restartPolicy")
			// The generator's name, in a Rollout too.
			same(t, id, at(container, "envFrom", 0, "configMapRef", "name"), settings)
			container["envFrom"] = wanted["envFrom"]
			same(t, id, container, wanted)
			same(t, id, at(template, "spec", "volumes"), at(pod, "spec", "volumes"))
			scraped := text(template, "metadata", "labels", "whatsapp-exporter") == "sidecar"
			if scraped == endsByItself {
				t.Errorf("%s: scraped: %v", id, scraped)
			}
		}
		same(t, component, kinds, map[string]bool{
			"CronJob": true, "DaemonSet": true, "Deployment": true, "Job": true, "Rollout": true, "StatefulSet": true,
		})
		if has(all, "Pod") {
			t.Errorf("%s: what is copied is applied itself", component)
		}
	}
}

func TestAWorkloadThatWantsNoneGetsNone(t *testing.T) {
	app := `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, annotations: {whatsapp-exporter: none}}
spec:
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: a}]}
`
	for _, components := range []string{
		"COMPONENTS/sidecar", "COMPONENTS/sidecar-strict", "COMPONENTS/sidecar, COMPONENTS/sidecar-tls",
		"COMPONENTS/sidecar-strict, COMPONENTS/sidecar-strict-tls",
	} {
		found, err := build(t, map[string]string{
			"kustomization.yaml": "resources: [workloads.yaml]\ncomponents: [" + components + "]\n",
			"workloads.yaml":     app,
		})
		if err != nil {
			t.Fatal(err)
		}
		template, _ := podTemplate(only(t, found, "Deployment", "shop"))
		same(t, components, template["spec"], map[string]any{
			"containers": []any{map[string]any{"name": "shop", "image": "a"}},
		})
		same(t, components, at(template, "metadata", "labels"), map[string]any{"app": "shop"})
	}
}

func TestEveryKindOfWorkloadGetsTLS(t *testing.T) {
	for component, probes := range map[string][]string{
		"sidecar":        {"livenessProbe"},
		"sidecar-strict": {"livenessProbe", "readinessProbe", "startupProbe"},
	} {
		for _, o := range everyKind(t, "COMPONENTS/"+component+", COMPONENTS/"+component+"-tls") {
			template, is := podTemplate(o)
			if !is {
				continue
			}
			_, container := ours(template)
			if text(container, "image") == "" {
				t.Errorf("%s: %s: TLS went elsewhere", component, o.id())
			}
			for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
				is := text(container, probe, "httpGet", "scheme") == "HTTPS"
				if is != strings.Contains(strings.Join(probes, " "), probe) || is != (at(container, probe, "httpGet", "path") != nil) {
					t.Errorf("%s: %s: %s", component, o.id(), show(container[probe]))
				}
			}
			same(t, o.id(), envOf(container)["WEB_CONFIG_FILE"], "/etc/whatsapp-exporter-web/web.yaml")
			same(t, o.id(), mountPaths(container), []string{
				"/etc/whatsapp-exporter-tls", "/etc/whatsapp-exporter-web", "/run/secrets/whatsapp",
			})
			same(t, o.id(), len(list(template, "spec", "volumes")), 3)
		}
	}
}

func TestWhatTheApplicationHasIsKept(t *testing.T) {
	app := `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  template:
    metadata: {labels: {app: shop}}
    spec:
      initContainers: [{name: migrate, image: a}]
      containers: [{name: shop, image: b}]
      volumes: [{name: data, emptyDir: {}}]
`
	for _, kind := range []string{"Rollout", "Deployment"} {
		manifest := strings.Replace(app, "Rollout", kind, 1)
		if kind == "Deployment" {
			manifest = strings.Replace(manifest, "argoproj.io/v1alpha1", "apps/v1", 1)
		}
		for _, component := range []string{"sidecar", "sidecar-strict"} {
			all, err := build(t, map[string]string{
				"kustomization.yaml": "resources: [app.yaml]\ncomponents: [COMPONENTS/" + component + "]\n",
				"app.yaml":           manifest,
			})
			if err != nil {
				t.Fatal(err)
			}
			spec := at(only(t, all, kind, "shop"), "spec", "template", "spec")
			same(t, kind, []any{
				at(spec, "initContainers", 0, "name"), at(spec, "containers", 0, "name"), at(spec, "volumes", 0, "name"),
			}, []string{"migrate", "shop", "data"})
			same(t, kind, len(list(spec, "volumes")), 2)
		}
	}
}

func TestPodsOfAnotherKindAreRefused(t *testing.T) {
	for _, component := range []string{"sidecar", "sidecar-strict"} {
		for _, kind := range []string{"Pod", "ReplicaSet", "ReplicationController", "DeploymentConfig", "CloneSet"} {
			_, err := build(t, map[string]string{
				"kustomization.yaml": "resources: [app.yaml]\ncomponents: [COMPONENTS/" + component + "]\n",
				"app.yaml":           "apiVersion: v1\nkind: " + kind + "\nmetadata: {name: a}\nspec: {}\n",
			})
			if err == nil || !strings.Contains(err.Error(), "this-kind-gets-no-sidecar-see-deploy-README") {
				t.Errorf("%s: %s: %v", component, kind, err)
			}
		}
	}
}

func TestPodsOfAKindThatNobodyNamedAreRefused(t *testing.T) {
	const template = "{template: {spec: {containers: [{name: a, image: b}]}}}"
	kinds := map[string]string{
		"apiVersion: serving.knative.dev/v1\nkind: Service": template,
		"apiVersion: example.com/v1\nkind: Fleet":           template,
		"apiVersion: keda.sh/v1\nkind: Scaled":              "{jobTargetRef: " + template + "}",
	}
	for _, component := range []string{"sidecar", "sidecar-strict"} {
		for kind, spec := range kinds {
			refused := func(metadata string) error {
				_, err := build(t, map[string]string{
					"kustomization.yaml": "resources: [workloads.yaml, other.yaml]\ncomponents: [COMPONENTS/" + component + "]\n",
					"workloads.yaml":     read(t, "testdata/kinds/app/workloads.yaml"),
					"other.yaml":         kind + "\nmetadata: " + metadata + "\nspec: " + spec + "\n",
				})
				return err
			}
			err := refused("{name: odd}")
			if err == nil || !strings.Contains(err.Error(), "odd") || !strings.Contains(err.Error(), "wrong node kind") {
				t.Errorf("%s: %s: %v", component, kind, err)
			}
			if spec == template {
				if err := refused("{name: odd, annotations: {whatsapp-exporter: none}}"); err != nil {
					t.Errorf("%s: %s, which wants none: %v", component, kind, err)
				}
			}
		}
	}
}

func TestWhatHasNoPodsIsLeftAlone(t *testing.T) {
	const others = `
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: shop}
spec: {target: {template: {data: {a: b}}}}
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: shop}
spec: {containers: [{name: prometheus}]}
`
	all, err := build(t, map[string]string{
		"kustomization.yaml": "resources: [workloads.yaml, others.yaml]\ncomponents: [COMPONENTS/sidecar]\n",
		"workloads.yaml":     read(t, "testdata/kinds/app/workloads.yaml"),
		"others.yaml":        others,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range documents(t, others) {
		same(t, other.id(), only(t, all, other.kind(), "shop"), other)
	}
}

// The blocks in deploy/README.md, for charts with extraContainers or extraInitContainers, are what the
// components put in.
func TestTheBlocksToPasteAreTheComponents(t *testing.T) {
	readme := read(t, "../README.md")
	for component, keys := range map[string][2]string{
		"sidecar":        {"extraContainers", "containers"},
		"sidecar-strict": {"extraInitContainers", "initContainers"},
	} {
		begin, end := "<!-- "+component+" -->\n\n```yaml\n", "```\n"
		_, rest, found := strings.Cut(readme, begin)
		if !found {
			t.Fatalf("deploy/README.md has no block after %q", begin)
		}
		block, _, _ := strings.Cut(rest, end)
		blocks := documents(t, block)
		if len(blocks) != 1 {
			t.Fatalf("the block of %s is %d documents", component, len(blocks))
		}
		pod := parse(t, manifests+"/components/"+component+"/sidecar.yaml")
		same(t, component+" in deploy/README.md", map[string]any(blocks[0]), map[string]any{
			keys[0]:        at(pod, "spec", keys[1]),
			"extraVolumes": at(pod, "spec", "volumes"),
			"podLabels":    at(pod, "metadata", "labels"),
		})
	}
}

func TestTheScriptFindsWorkloadsWithoutASidecar(t *testing.T) {
	if _, err := exec.LookPath("kubectl"); err != nil {
		t.Skip("LEFT OUT: kubectl is not installed")
	}
	check := func(all []object) (string, bool) {
		var manifest strings.Builder
		for _, o := range all {
			manifest.WriteString("---\n" + show(o))
		}
		command := exec.Command(manifests + "/check-sidecar")
		command.Stdin = strings.NewReader(manifest.String())
		said, err := command.CombinedOutput()
		return string(said), err == nil
	}
	with, without := everyKind(t, "COMPONENTS/sidecar"), kustomized(t, "testdata/kinds/app")
	if said, ok := check(with); !ok || strings.Count(said, "sidecar       ") != 6 {
		t.Errorf("with sidecars: %s", said)
	}
	if said, ok := check(without); ok || strings.Count(said, "NO SIDECAR    ") != 6 {
		t.Errorf("without sidecars: %s", said)
	}
	if said, ok := check(append(with, without[0])); ok || !strings.Contains(said, "1 without a sidecar") {
		t.Errorf("one without: %s", said)
	}
	unwilling := object{"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "quiet", "annotations": map[string]any{"whatsapp-exporter": "none"}},
		"spec":     at(without[0], "spec")}
	if said, ok := check(append(with, unwilling)); !ok || !strings.Contains(said, "none wanted   Deployment/quiet") {
		t.Errorf("one that wants none: %s", said)
	}
	// What kustomize says nothing about.
	if said, ok := check(kustomized(t, manifests+"/base")); ok || !strings.Contains(said, "nothing here has the sidecar") {
		t.Errorf("no workload at all: %s", said)
	}
}
