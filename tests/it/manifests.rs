//! The manifests are held to what the program accepts: its variables, its port, its paths, its
//! metrics, its version.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use whatsapp_exporter::config::{self, DEFAULT_LISTEN, Settings};
use whatsapp_exporter::http::WebConfig;
use whatsapp_exporter::metrics::catalog;

use crate::peers::prometheus::Prometheus;

const IMAGE: &str = "ghcr.io/whatsapp-exporter/whatsapp-exporter:";
const KUBERNETES: &str = "deploy/kubernetes";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: impl AsRef<Path>) -> Value {
    serde_saphyr::from_str(&read(&path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// Every file under these, with its text. Paths are relative to the repository.
fn files(places: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = places.iter().map(|place| root().join(place)).collect();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder that can be read");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else {
            let path = path.strip_prefix(root()).expect("a path in the repository").to_owned();
            let text = read(&path);
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// All that ships the program.
fn shipped() -> Vec<(PathBuf, String)> {
    let mut files = files(&["deploy", "Dockerfile", "SECURITY.md", "grafana/kustomization.yaml"]);
    // The chart's copies of rules and dashboards are held by the tests of those.
    let copies = Path::new("deploy/helm/whatsapp-exporter/files");
    files.retain(|(path, _)| !path.starts_with(copies) && !path.ends_with("go.sum"));
    files
}

fn manifests() -> Vec<(PathBuf, Value)> {
    let files = files(&[KUBERNETES]).into_iter().map(|(path, _)| path);
    let documents = files.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    documents.map(|path| (path.clone(), yaml(path))).collect()
}

/// The port that the program listens on when it is told nothing.
fn port() -> u64 {
    let (_, port) = DEFAULT_LISTEN.rsplit_once(':').expect("an address and a port");
    port.parse().expect("a number")
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "_:".contains(letter)))
        .map(|word| word.trim_matches(':'))
}

/// The Deployment of a folder, or the patch of one. A component that replaces has a Pod instead,
/// whose parts go into the pods of any workload.
fn workload(folder: impl AsRef<Path>) -> Value {
    let folder = Path::new(KUBERNETES).join(folder);
    for pod in ["sidecar.yaml", "tls.yaml"].map(|name| folder.join(name)) {
        if root().join(&pod).exists() {
            let pod = yaml(pod);
            assert_eq!(pod["metadata"]["annotations"]["config.kubernetes.io/local-config"], "true");
            return serde_json::json!({ "spec": { "template": pod } });
        }
    }
    yaml(folder.join("deployment.yaml"))
}

/// What a component puts where: the path in its Pod, the kind that gets it, the path there.
fn replacements(component: &str) -> BTreeSet<(String, String, String)> {
    let file = Path::new(KUBERNETES).join("components").join(component).join("replacements.yaml");
    let mut found = BTreeSet::new();
    for replacement in list(&yaml(file), "") {
        for target in list(replacement, "/targets") {
            assert_eq!(target["options"]["create"], true);
            for path in list(target, "/fieldPaths").iter().filter_map(Value::as_str) {
                let from = text(replacement, "/source/fieldPath").to_owned();
                found.insert((from, text(target, "/select/kind").to_owned(), path.to_owned()));
            }
        }
    }
    found
}

/// The kinds that get a sidecar, with the place of their pods.
const KINDS: [(&str, &str); 6] = [
    ("Deployment", "spec.template"),
    ("StatefulSet", "spec.template"),
    ("DaemonSet", "spec.template"),
    ("Rollout", "spec.template"),
    ("Job", "spec.template"),
    ("CronJob", "spec.jobTemplate.spec.template"),
];

fn ends_by_itself(kind: &str) -> bool {
    kind.ends_with("Job")
}

/// Every container of ours, with its pod's template and the folder it is in.
fn containers() -> Vec<(PathBuf, Value, Value)> {
    let mut found = Vec::new();
    let deployments = manifests()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.ends_with("deployment.yaml") || path.ends_with("sidecar.yaml"));
    for path in deployments {
        let folder = path.parent().and_then(|folder| folder.strip_prefix(KUBERNETES).ok());
        let folder = folder.expect("a folder of the manifests").to_owned();
        let template = workload(&folder)["spec"]["template"].clone();
        for kind in ["/spec/containers", "/spec/initContainers"] {
            for container in list(&template, kind) {
                if text(container, "/image").starts_with(IMAGE) {
                    found.push((folder.clone(), template.clone(), container.clone()));
                }
            }
        }
    }
    assert_eq!(found.len(), 3, "the two sidecars and the standalone exporter");
    let images: usize =
        files(&[KUBERNETES]).iter().map(|(_, text)| text.matches(IMAGE).count()).sum();
    assert_eq!(found.len(), images, "a container of ours was not found");
    found
}

/// Settings as the program reads them from these variables.
fn load(variables: &[(String, String)]) -> Settings {
    let known: BTreeSet<_> = config::variables().iter().map(|variable| variable.name).collect();
    for (name, _) in variables {
        assert!(known.contains(name.as_str()), "the program reads no {name}");
    }
    let pairs = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Settings::load(pairs)
        .unwrap_or_else(|problems| panic!("{:?}", problems.iter().collect::<Vec<_>>()))
}

fn assignments(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn every_variable_that_is_named_is_one_the_program_reads() {
    let known: BTreeSet<_> = config::variables().iter().map(|variable| variable.name).collect();
    let prefix = |name: &str| name.split('_').next().unwrap_or_default().to_owned();
    let ours: BTreeSet<_> = known.iter().map(|name| prefix(name)).collect();
    let mut seen = 0;
    for (path, text) in shipped() {
        for word in words(&text).filter(|word| word.contains('_') && !word.ends_with('_')) {
            let loud = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            if loud && ours.contains(&prefix(word)) {
                assert!(known.contains(word), "{}: the program reads no {word}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} variables were found");
}

#[test]
fn the_examples_settings_load_as_they_are() {
    let application = yaml("deploy/kubernetes/examples/application/kustomization.yaml");
    let file = text(&application, "/configMapGenerator/0/envs/0");
    let folder = Path::new("deploy/kubernetes/examples/application");
    let settings = load(&assignments(&read(folder.join(file))));
    assert_eq!(settings.count_by_kind(), [1, 1, 1, 0]);

    for (example, has_gateway) in [("application-strict", true), ("application-tls", false)] {
        let kustomization =
            yaml(format!("deploy/kubernetes/examples/{example}/kustomization.yaml"));
        let literals = list(&kustomization, "/configMapGenerator/0/literals");
        let lines: Vec<_> = literals.iter().filter_map(Value::as_str).collect();
        let settings = load(&assignments(&lines.join("\n")));
        assert_eq!(settings.count_by_kind(), [1, 0, 0, 0], "{example}");
        assert_eq!(settings.gateway.is_some(), has_gateway, "{example}");
    }

    let settings = load(&assignments(&read("deploy/systemd/environment.example")));
    assert_eq!(settings.count_by_kind(), [1, 1, 1, 0]);

    let file = root().join("deploy/kubernetes/standalone/settings.yaml");
    let settings = load(&[("CONFIG_FILE".to_owned(), file.display().to_string())]);
    assert_eq!(settings.count_by_kind(), [2, 1, 0, 0]);
}

#[test]
fn containers_set_only_variables_that_the_program_reads_and_no_secret() {
    let known: BTreeSet<_> = config::variables().iter().map(|variable| variable.name).collect();
    let compose = yaml("deploy/compose/compose.yaml");
    let mut names: Vec<_> = compose["services"]["exporter"]["environment"]
        .as_object()
        .map(|environment| environment.keys().cloned().collect())
        .unwrap_or_default();
    for (_, _, container) in containers() {
        names.extend(list(&container, "/env").iter().map(|env| text(env, "/name").to_owned()));
    }
    assert!(!names.is_empty());
    for name in names {
        assert!(known.contains(name.as_str()), "the program reads no {name}");
        // A variable that has a `…_FILE` beside it holds a secret.
        assert!(!known.contains(format!("{name}_FILE").as_str()), "{name} belongs in a file");
    }
    for (path, manifest) in manifests() {
        assert_ne!(text(&manifest, "/kind"), "Secret", "{}", path.display());
        assert!(manifest.get("secretGenerator").is_none(), "{}", path.display());
    }
}

#[test]
fn every_port_is_the_one_the_program_listens_on() {
    let port = port();
    let mut names = BTreeSet::new();
    for (path, _, container) in containers() {
        let ports = list(&container, "/ports");
        assert_eq!(ports.len(), 1, "{}", path.display());
        assert_eq!(ports[0]["containerPort"], port, "{}", path.display());
        names.insert(text(&ports[0], "/name").to_owned());
        // Kubernetes takes no longer one.
        assert!(text(&ports[0], "/name").len() <= 15);
    }
    assert_eq!(names.len(), 1, "one name everywhere: {names:?}");
    let name = names.first().unwrap();

    let service = yaml("deploy/kubernetes/standalone/service.yaml");
    assert_eq!(service["spec"]["ports"][0]["port"], port);
    assert_eq!(text(&service, "/spec/ports/0/targetPort"), name);
    let policy = yaml("deploy/kubernetes/standalone/networkpolicy.yaml");
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], port);
    let monitor = yaml("deploy/kubernetes/base/podmonitor.yaml");
    assert_eq!(text(&monitor, "/spec/podMetricsEndpoints/0/port"), name);
    let monitor = yaml("deploy/kubernetes/base/servicemonitor.yaml");
    assert_eq!(
        text(&monitor, "/spec/endpoints/0/port"),
        text(&service, "/spec/ports/0/name"),
        "a ServiceMonitor looks for the Service's name of the port"
    );

    let compose = yaml("deploy/compose/compose.yaml");
    let published = text(&compose, "/services/exporter/ports/0");
    assert_eq!(published, format!("127.0.0.1:{port}:{port}"));
    let prometheus = yaml("deploy/compose/prometheus.yaml");
    let scraped = text(&prometheus, "/scrape_configs/0/static_configs/0/targets/0");
    assert_eq!(scraped, format!("exporter:{port}"));
    assert!(read("Dockerfile").contains(&format!("\nEXPOSE {port}\n")));

    // And in sentences and scripts.
    for (path, text) in shipped() {
        for word in words(&text).filter(|word| word.len() == 5 && word.starts_with("10")) {
            if word.bytes().all(|byte| byte.is_ascii_digit()) {
                let known = word == port.to_string() || word.ends_with("000");
                assert!(known, "{}: {word} is not the port", path.display());
            }
        }
    }
}

#[test]
fn every_path_that_is_asked_is_one_of_the_routes() {
    // The table at the head of the routes; what they answer is tested with the server.
    let routes = read("src/server/routes.rs");
    let asked = |path: &str| {
        assert!(routes.contains(&format!("| `GET {path}` |")), "nothing answers {path}");
    };
    let mut readiness_probes = 0;
    for (_, _, container) in containers() {
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let Some(probe) = container.get(probe) else { continue };
            asked(text(probe, "/httpGet/path"));
            assert_eq!(text(probe, "/httpGet/port"), text(&container, "/ports/0/name"));
        }
        if container.get("readinessProbe").is_some() {
            assert_eq!(text(&container, "/readinessProbe/httpGet/path"), "/readyz");
            readiness_probes += 1;
        }
        assert_eq!(text(&container, "/livenessProbe/httpGet/path"), "/healthz");
    }
    assert_eq!(readiness_probes, 2, "all but the default sidecar, which has none on purpose");
    asked(text(
        &yaml("deploy/kubernetes/base/podmonitor.yaml"),
        "/spec/podMetricsEndpoints/0/path",
    ));
    asked(text(&yaml("deploy/kubernetes/base/servicemonitor.yaml"), "/spec/endpoints/0/path"));
}

#[test]
fn every_image_of_ours_has_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let (mut images, mut links) = (0, 0);
    for (path, text) in shipped() {
        for rest in text.split(IMAGE).skip(1) {
            let tag = rest.split(|letter: char| letter.is_whitespace() || "`\"'".contains(letter));
            assert_eq!(tag.into_iter().next(), Some(version), "{}", path.display());
            images += 1;
        }
        for rest in text.split("?ref=v").skip(1) {
            assert!(rest.starts_with(&format!("{version}\n")), "{}", path.display());
            links += 1;
        }
    }
    assert!(images >= 5 && links >= 2, "{images} images and {links} links were found");
    let label = format!("org.opencontainers.image.version=\"{version}\"");
    assert!(read("Dockerfile").contains(&label), "the Dockerfile has no label {label}");
}

#[test]
fn the_image_is_built_with_a_compiler_that_the_program_accepts() {
    let minor = |version: &str| -> u32 { version.split('.').nth(1).unwrap().parse().unwrap() };
    let dockerfile = read("Dockerfile");
    let version = dockerfile.split("ARG RUST_VERSION=").nth(1).unwrap().lines().next().unwrap();
    assert!(minor(version) >= minor(env!("CARGO_PKG_RUST_VERSION")));
    let tested = format!("container: docker.io/library/rust:{version}-");
    assert!(read(".github/workflows/ci.yml").contains(&tested), "CI tests with another compiler");
}

#[test]
fn the_image_starts_the_program_by_its_path_and_finds_it_by_its_name() {
    let dockerfile = read("Dockerfile");
    let after = |word: &str| {
        let rest = dockerfile.rsplit(word).next().and_then(|rest| rest.lines().next());
        rest.unwrap_or_default()
    };
    let program = "/whatsapp-exporter";
    assert!(dockerfile.contains(&format!(" /image{program} ")), "the build puts it elsewhere");
    assert_eq!(after("\nENTRYPOINT "), format!(r#"["{program}"]"#));
    assert!(after("\nHEALTHCHECK ").ends_with(&format!(r#"CMD ["{program}", "healthcheck"]"#)));
    assert_eq!(Some(Path::new(after("\nENV PATH="))), Path::new(program).parent());
}

#[test]
fn the_image_holds_nothing_that_dockerignore_leaves_out() {
    let ignore = read(".dockerignore");
    let let_in: BTreeSet<_> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut copied = BTreeSet::new();
    let dockerfile = read("Dockerfile");
    for line in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        if line.starts_with("--from=") {
            continue;
        }
        let words: Vec<_> = line.split(' ').collect();
        copied.extend(words[..words.len() - 1].iter().copied());
    }
    assert_eq!(copied, let_in);
    copied.iter().for_each(|path| assert!(root().join(path).exists(), "{path}"));
}

#[test]
fn every_metric_that_is_named_exists() {
    let known: BTreeSet<_> = catalog::all().map(|(_, metric)| metric.name).collect();
    let mut seen = 0;
    for (path, text) in shipped() {
        // A word with a colon is a recording rule; those are held by the tests of the rules.
        for word in words(&text).filter(|word| word.starts_with("whatsapp_") && !word.contains(':'))
        {
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            let ours = known.contains(word) || family.is_some_and(|family| known.contains(family));
            assert!(ours, "{} names {word}, which is not in the catalog", path.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} metrics were found");
}

#[test]
fn every_container_is_locked_down_as_the_restricted_standard_asks() {
    for (path, template, container) in containers() {
        let path = path.display();
        let own = &container["securityContext"];
        let pod = &template["spec"]["securityContext"];
        let either = |key: &str| own.get(key).or_else(|| pod.get(key)).cloned().unwrap_or_default();
        assert_eq!(either("runAsNonRoot"), true, "{path}");
        assert_eq!(either("runAsUser"), 65532, "{path}");
        assert_eq!(either("seccompProfile")["type"], "RuntimeDefault", "{path}");
        assert_eq!(own["allowPrivilegeEscalation"], false, "{path}");
        assert_eq!(own["readOnlyRootFilesystem"], true, "{path}");
        assert_eq!(own["capabilities"]["drop"], serde_json::json!(["ALL"]), "{path}");
        assert_eq!(container["resources"]["limits"]["memory"], "64Mi", "{path}");
        assert!(container["resources"]["limits"].get("cpu").is_none(), "{path}");
        assert_eq!(container["resources"]["requests"]["memory"], "16Mi", "{path}");
        assert_eq!(container["terminationMessagePolicy"], "FallbackToLogsOnError", "{path}");
        for mount in list(&container, "/volumeMounts") {
            assert_eq!(mount["readOnly"], true, "{path}");
            // A file mounted alone never changes, so no rotated Secret would arrive.
            assert!(mount.get("subPath").is_none(), "{path}");
        }
    }
    let standalone = yaml("deploy/kubernetes/standalone/deployment.yaml");
    assert_eq!(standalone["spec"]["template"]["spec"]["automountServiceAccountToken"], false);
}

#[test]
fn the_application_neither_waits_for_the_default_sidecar_nor_loses_its_readiness_with_it() {
    let pod = &workload("components/sidecar")["spec"]["template"];
    let containers = list(pod, "/spec/containers");
    assert_eq!(containers.len(), 1);
    for key in ["readinessProbe", "startupProbe", "restartPolicy"] {
        assert!(containers[0].get(key).is_none(), "{key}");
    }
    let liveness = &containers[0]["livenessProbe"];
    let patience = liveness["periodSeconds"].as_u64().zip(liveness["failureThreshold"].as_u64());
    assert!(patience.is_some_and(|(period, failures)| period * failures >= 300), "{patience:?}");

    let mut volumes = 0;
    for component in ["sidecar", "sidecar-tls"] {
        let pod = workload(Path::new("components").join(component));
        assert!(pod.pointer("/spec/template/spec/initContainers").is_none(), "{component}");
        for volume in list(&pod, "/spec/template/spec/volumes") {
            assert_eq!(volume["secret"]["optional"], true, "{component}: {}", volume["name"]);
            volumes += 1;
        }
    }
    assert_eq!(volumes, 3);
}

#[test]
fn every_kind_of_workload_gets_the_whole_sidecar() {
    for component in ["sidecar", "sidecar-strict"] {
        let mut expected = BTreeSet::new();
        let mut expect = |from: &str, kind: &str, path: String| {
            expected.insert((from.to_owned(), kind.to_owned(), path));
        };
        for (kind, pod) in KINDS {
            let (from, into) = match component {
                "sidecar-strict" => ("spec.initContainers.0", "initContainers"),
                // A Job would never end with an ordinary container that runs on.
                _ if ends_by_itself(kind) => ("spec.containers.0", "initContainers"),
                _ => ("spec.containers.0", "containers"),
            };
            let container = format!("{pod}.spec.{into}.[name=whatsapp-exporter]");
            if from == "spec.containers.0" && into == "initContainers" {
                expect("spec.restartPolicy", kind, format!("{container}.restartPolicy"));
            }
            expect(from, kind, container);
            let volume = format!("{pod}.spec.volumes.[name=whatsapp-exporter-secrets]");
            expect("spec.volumes.0", kind, volume);
            // For the alerts, an exporter that ends with its Job would be one that is down.
            if !ends_by_itself(kind) {
                let label = "metadata.labels.whatsapp-exporter";
                expect(label, kind, format!("{pod}.{label}"));
            }
        }
        assert_eq!(replacements(component), expected, "{component}");
        let pod = &workload(Path::new("components").join(component))["spec"]["template"];
        assert_eq!(list(pod, "/spec/volumes").len(), 1);
        let native = pod.pointer("/spec/initContainers/0/restartPolicy");
        assert_eq!(native.or(pod.pointer("/spec/restartPolicy")), Some(&"Always".into()));
    }
}

#[test]
fn the_strict_sidecar_differs_from_the_default_only_in_what_the_application_waits_for() {
    let mut lenient = workload("components/sidecar");
    let mut strict = workload("components/sidecar-strict");
    let taken = |list: &str, from: &mut Value| {
        from["spec"]["template"]["spec"].as_object_mut().unwrap().remove(list).unwrap()
    };
    let mut strict_container = taken("initContainers", &mut strict);
    let own = strict_container[0].as_object_mut().unwrap();
    assert_eq!(own.remove("restartPolicy"), Some("Always".into()));
    assert!(own.remove("startupProbe").is_some());
    assert!(own.remove("readinessProbe").is_some());
    let mut lenient_container = taken("containers", &mut lenient);
    let liveness = lenient_container[0]["livenessProbe"].as_object_mut().unwrap();
    assert!(liveness.remove("failureThreshold").is_some());
    assert_eq!(strict_container, lenient_container);
    // Of the exporter in a Job.
    let of_jobs = lenient["spec"]["template"]["spec"].as_object_mut().unwrap();
    assert_eq!(of_jobs.remove("restartPolicy"), Some("Always".into()));

    let secret = |pod: &mut Value| -> Option<Value> {
        pod["spec"]["template"]["spec"]["volumes"][0]["secret"]
            .as_object_mut()
            .unwrap()
            .remove("optional")
    };
    assert_eq!(secret(&mut lenient), Some(true.into()));
    assert_eq!(secret(&mut strict), None);
    assert_eq!(strict, lenient);
}

#[test]
fn the_classic_sidecar_is_the_default_one_by_another_name() {
    let mut classic = yaml("deploy/kubernetes/components/sidecar-classic/kustomization.yaml");
    let own = classic.as_object_mut().unwrap();
    assert_eq!(own.remove("components"), Some(serde_json::json!(["../sidecar"])));
    assert_eq!(own.keys().collect::<Vec<_>>(), ["apiVersion", "kind"]);
}

#[test]
fn a_state_file_has_a_volume_that_outlives_the_exporter_and_one_writer() {
    let standalone = workload("standalone");
    let patch = workload("components/standalone-state");
    let (_, container) = our_container(&standalone);
    let (_, added) = our_container(&patch);
    assert_eq!(standalone["spec"]["replicas"], 1);
    // The null takes away what is for rolling updates alone.
    let strategy = serde_json::json!({ "type": "Recreate", "rollingUpdate": null });
    assert_eq!(patch["spec"]["strategy"], strategy);
    assert_eq!(patch["metadata"]["name"], standalone["metadata"]["name"]);

    let mount = &added["volumeMounts"][0];
    assert!(mount.get("readOnly").is_none() && mount.get("subPath").is_none());
    for other in list(&container, "/volumeMounts") {
        assert_ne!(other["name"], mount["name"]);
        assert_ne!(other["mountPath"], mount["mountPath"]);
    }
    let volume = &patch["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!(volume["name"], mount["name"]);
    let claim = yaml("deploy/kubernetes/components/standalone-state/claim.yaml");
    assert_eq!(volume["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);

    let folder = text(mount, "/mountPath");
    let is_inside = |variables: &[(String, String)]| {
        let file = load(variables).state_file.expect("a state file");
        assert_eq!(file.parent(), Some(Path::new(folder)));
    };
    let (name, value) = (text(&added, "/env/0/name"), text(&added, "/env/0/value"));
    let mut variables = assignments(&read("deploy/systemd/environment.example"));
    is_inside(&variables);
    variables.retain(|(variable, _)| variable != name);
    variables.push((name.to_owned(), value.to_owned()));
    is_inside(&variables);
    let unit = read("deploy/systemd/whatsapp-exporter.service");
    let state_directory = folder.strip_prefix("/var/lib/").expect("systemd's place for states");
    assert!(unit.contains(&format!("\nStateDirectory={state_directory}\n")));
    // A new volume of Docker's gets the owner of the folder in the image.
    let made = format!("install -d -o 65532 -g 65532 /image{folder} ");
    assert!(read("Dockerfile").contains(&made));
    assert!(read("deploy/compose/README.md").contains(&format!("[state:{folder}]")));
    assert!(read("deploy/compose/README.md").contains(&format!("STATE_FILE: {folder}/")));
}

#[test]
fn monitors_and_selectors_find_what_they_look_for() {
    let finds = |selector: &Value, labels: &Value| {
        let selector = selector.as_object().expect("a selector");
        assert!(!selector.is_empty());
        selector.iter().all(|(name, value)| labels.get(name) == Some(value))
    };
    let monitor = yaml("deploy/kubernetes/base/podmonitor.yaml");
    let selector = &monitor["spec"]["selector"]["matchLabels"];
    for sidecar in ["components/sidecar", "components/sidecar-strict"] {
        assert!(finds(selector, &workload(sidecar)["spec"]["template"]["metadata"]["labels"]));
    }

    let deployment = yaml("deploy/kubernetes/standalone/deployment.yaml");
    let pods = &deployment["spec"]["template"]["metadata"]["labels"];
    let service = yaml("deploy/kubernetes/standalone/service.yaml");
    let policy = yaml("deploy/kubernetes/standalone/networkpolicy.yaml");
    assert!(finds(&deployment["spec"]["selector"]["matchLabels"], pods));
    assert!(finds(&service["spec"]["selector"], pods));
    assert!(finds(&policy["spec"]["podSelector"]["matchLabels"], pods));
    // Else an exporter would be scraped twice.
    assert!(!finds(selector, pods));
    let monitor = yaml("deploy/kubernetes/base/servicemonitor.yaml");
    assert!(finds(&monitor["spec"]["selector"]["matchLabels"], &service["metadata"]["labels"]));
}

#[tokio::test]
async fn every_application_of_a_namespace_is_a_job_of_its_own() {
    let monitor = yaml("deploy/kubernetes/base/podmonitor.yaml");
    let relabelings = list(&monitor, "/spec/podMetricsEndpoints/0/relabelings");
    // The operator's names are Prometheus' own in another case. JSON is YAML.
    let relabelings = serde_json::to_string(relabelings).unwrap();
    let relabelings = relabelings
        .replace("\"sourceLabels\"", "\"source_labels\"")
        .replace("\"targetLabel\"", "\"target_label\"");
    let pods = [
        ("orders-7d9f8c6b5", "ReplicaSet", "shop/orders"),
        ("order-mails-5b8f9c7d44", "ReplicaSet", "shop/order-mails"),
        ("shards", "StatefulSet", "shop/shards"),
        ("", "", "sidecars"),
    ];
    let mut settings = "scrape_configs:\n- job_name: sidecars\n  static_configs:\n".to_owned();
    for (at, (controller, kind, _)) in pods.iter().enumerate() {
        settings += &format!(
            "  - targets: ['127.0.0.1:{at}']\n    labels: {{__meta_kubernetes_namespace: shop, \
             __meta_kubernetes_pod_controller_name: '{controller}', \
             __meta_kubernetes_pod_controller_kind: '{kind}'}}\n"
        );
    }
    settings += &format!("  relabel_configs: {relabelings}\n");
    let directory = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(directory.path(), &settings).await;
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let targets = prometheus.ask("/api/v1/targets", &[]).await;
        let targets = list(&targets, "/activeTargets").iter();
        seen = targets.map(|target| text(target, "/labels/job").to_owned()).collect();
        if seen.len() == pods.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(seen, pods.map(|(_, _, job)| job.to_owned()).into());
}

#[test]
fn secrets_are_mounted_where_the_settings_look_for_them() {
    let inside = |paths: &str, folder: &str| {
        let mut found = 0;
        for rest in paths.split("/run/").skip(1) {
            assert!(format!("/run/{rest}").starts_with(folder), "/run/{rest} is not in {folder}");
            found += 1;
        }
        assert!(found > 0);
    };
    for (_, _, container) in containers() {
        let mounts = list(&container, "/volumeMounts");
        assert!(mounts.iter().any(|mount| mount["mountPath"] == "/run/secrets/whatsapp"));
    }
    let kubernetes = "/run/secrets/whatsapp/";
    inside(&read("deploy/kubernetes/standalone/settings.yaml"), kubernetes);
    inside(&read("deploy/kubernetes/examples/application/whatsapp-exporter.env"), kubernetes);
    inside(&read("deploy/kubernetes/examples/application-strict/kustomization.yaml"), kubernetes);
    inside(&read("deploy/kubernetes/examples/application-tls/kustomization.yaml"), kubernetes);
    // A folder given to LoadCredential becomes files that begin with its name.
    let unit = read("deploy/systemd/whatsapp-exporter.service");
    assert!(unit.contains("\nLoadCredential=token:/etc/whatsapp-exporter/tokens\n"));
    inside(
        &read("deploy/systemd/environment.example"),
        "/run/credentials/whatsapp-exporter.service/token_",
    );
    let deployment = yaml("deploy/kubernetes/standalone/deployment.yaml");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let file = text(container, "/env/0/value");
    assert_eq!(Path::new(file).parent(), Some(Path::new("/etc/whatsapp-exporter")));
    let kustomization = yaml("deploy/kubernetes/standalone/kustomization.yaml");
    let generated = text(&kustomization, "/configMapGenerator/0/files/0");
    assert_eq!(Path::new(file).file_name(), Some(generated.as_ref()));
}

/// Our container in a Deployment or in a patch of one, and the list it is in.
fn our_container(manifest: &Value) -> (&'static str, Value) {
    let lists = ["containers", "initContainers"].into_iter().flat_map(|name| {
        let containers = list(manifest, &format!("/spec/template/spec/{name}"));
        containers.iter().map(move |container| (name, container.clone()))
    });
    let mut ours = lists.filter(|(_, container)| container["name"] == "whatsapp-exporter");
    ours.next().expect("a container of ours")
}

/// What TLS is merged into, and the patch that brings it.
const WITH_TLS: [(&str, &str); 3] = [
    ("components/sidecar", "components/sidecar-tls"),
    ("components/sidecar-strict", "components/sidecar-strict-tls"),
    ("standalone", "components/standalone-tls"),
];

/// Each variable, mount and volume of this Pod goes to each kind of workload.
fn every_kind_gets(component: &str, pod: &Value) {
    let parts = [
        ("spec.containers.0.env", "/spec/containers/0/env"),
        ("spec.containers.0.volumeMounts", "/spec/containers/0/volumeMounts"),
        ("spec.volumes", "/spec/volumes"),
    ];
    let replacements = replacements(component);
    for (path, pointer) in parts {
        for (at, part) in list(pod, pointer).iter().enumerate() {
            let end = format!(".[name={}]", text(part, "/name"));
            let from = format!("{path}.{at}");
            let kinds = replacements
                .iter()
                .filter(|(source, _, to)| *source == from && to.ends_with(&end))
                .map(|(_, kind, _)| kind.as_str());
            assert_eq!(kinds.collect::<BTreeSet<_>>(), KINDS.map(|(kind, _)| kind).into());
        }
    }
}

#[test]
fn tls_is_merged_into_the_right_container_and_every_probe_speaks_it() {
    let known: BTreeSet<_> = config::variables().iter().map(|variable| variable.name).collect();
    let web_config = "WEB_CONFIG_FILE";
    assert!(known.contains(web_config));
    for (target, patch) in WITH_TLS {
        let component = patch.strip_prefix("components/").expect("a component");
        let replaces = root().join(KUBERNETES).join(patch).join("replacements.yaml").exists();
        let [target, patch] = [target, patch].map(workload);
        let ((list_of_target, container), (list_of_patch, added)) =
            (our_container(&target), our_container(&patch));
        assert!(replaces || list_of_target == list_of_patch);
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let scheme = serde_json::json!({ "httpGet": { "scheme": "HTTPS" } });
            let there = container.get(probe).is_some();
            if !replaces {
                // A probe that the target lacks would come without a path.
                assert_eq!(added.get(probe), there.then_some(&scheme), "{probe}");
                continue;
            }
            assert_eq!(added["livenessProbe"], scheme);
            let path = format!("[name=whatsapp-exporter].{probe}.httpGet.scheme");
            let kinds = replacements(component)
                .into_iter()
                .filter(|(_, _, to)| to.ends_with(&path))
                .count();
            assert_eq!(kinds, if there { KINDS.len() } else { 0 }, "{component}: {probe}");
        }
        if replaces {
            every_kind_gets(component, &patch["spec"]["template"]);
        }
        let names = |value: &Value, path: &str| -> BTreeSet<String> {
            list(value, path).iter().map(|item| text(item, "/name").to_owned()).collect()
        };
        // What has the name of something that is there would replace it.
        for path in ["/volumeMounts", "/env"] {
            assert!(names(&container, path).is_disjoint(&names(&added, path)), "{path}");
        }
        let volumes = "/spec/template/spec/volumes";
        assert!(names(&target, volumes).is_disjoint(&names(&patch, volumes)));
        assert_eq!(names(&added, "/volumeMounts"), names(&patch, volumes));

        assert_eq!(names(&added, "/env"), BTreeSet::from([web_config.to_owned()]));
        let file = Path::new(text(&added, "/env/0/value"));
        let folder = |secret: &str| {
            let volume = list(&patch, volumes)
                .iter()
                .find(|volume| text(volume, "/secret/secretName") == secret)
                .unwrap_or_else(|| panic!("no volume of the Secret {secret}"));
            let mounts = list(&added, "/volumeMounts");
            let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]).unwrap();
            assert_eq!(mount["readOnly"], true);
            assert!(mount.get("subPath").is_none());
            text(mount, "/mountPath").to_owned()
        };
        assert_eq!(file, Path::new(&folder("whatsapp-exporter-web")).join("web.yaml"));
        let web = yaml("deploy/kubernetes/examples/web.yaml");
        let tls = folder("whatsapp-exporter-tls");
        for (key, name) in [("cert_file", "tls.crt"), ("key_file", "tls.key")] {
            assert_eq!(web["tls_server_config"][key], format!("{tls}/{name}"));
        }
    }
}

#[test]
fn the_examples_web_configuration_is_refused_until_it_has_a_hash_and_is_taken_then() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let signed = rcgen::generate_simple_self_signed(["whatsapp-exporter".to_owned()]).unwrap();
    fs::write(path("tls.crt"), signed.cert.pem()).unwrap();
    fs::write(path("tls.key"), signed.signing_key.serialize_pem()).unwrap();
    let example = read("deploy/kubernetes/examples/web.yaml")
        .replace("/etc/whatsapp-exporter-tls", &directory.path().display().to_string());
    let load = |text: &str| {
        fs::write(path("web.yaml"), text).unwrap();
        WebConfig::read(&path("web.yaml")).map(|config| config.speaks_tls())
    };
    let refused = load(&example).unwrap_err();
    assert!(refused.contains("the password of `prometheus` is not a bcrypt hash"), "{refused}");
    let hash = bcrypt::hash("from a vault", 4).unwrap();
    assert_eq!(load(&example.replace(": HASH\n", &format!(": {hash}\n"))), Ok(true));
}

/// What a kustomization leads to through its resources and components, itself included.
fn reaches(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let folder = root().join(folder).canonicalize().expect("a folder");
    if found.insert(folder.clone()) {
        let kustomization = yaml(folder.join("kustomization.yaml"));
        for key in ["/resources", "/components"] {
            for item in list(&kustomization, key).iter().filter_map(Value::as_str) {
                let path = folder.join(item);
                if path.is_dir() {
                    reaches(&path, found);
                } else {
                    found.insert(path);
                }
            }
        }
    }
}

#[test]
fn only_the_example_of_a_certificate_needs_cert_manager() {
    let example = Path::new(KUBERNETES).join("examples/certificate");
    let needs = |path: &Path| text(&yaml(path), "/apiVersion").starts_with("cert-manager.io/");
    let mut seen = 0;
    for (path, _) in manifests().iter().filter(|(path, _)| path.ends_with("kustomization.yaml")) {
        let (folder, mut found) = (path.parent().expect("a folder"), BTreeSet::new());
        reaches(folder, &mut found);
        let certificates = found.iter().filter(|path| path.is_file() && needs(path)).count();
        assert_eq!(certificates, usize::from(folder == example), "{}", folder.display());
        seen += 1;
    }
    assert!(seen > 10, "only {seen} kustomizations were found");
}

#[test]
fn monitors_with_tls_ask_as_the_listener_answers() {
    let certificate = yaml("deploy/kubernetes/examples/certificate/certificate.yaml");
    assert_eq!(certificate["spec"]["secretName"], "whatsapp-exporter-tls");
    for (name, endpoints) in
        [("podmonitor", "podMetricsEndpoints"), ("servicemonitor", "endpoints")]
    {
        let mut monitor = yaml(format!("deploy/kubernetes/base/{name}.yaml"));
        let folder = Path::new(KUBERNETES).join("components/monitors-tls");
        let kustomization = yaml(folder.join("kustomization.yaml"));
        let file = format!("{name}.yaml");
        let patch = list(&kustomization, "/patches").iter().find(|patch| patch["path"] == *file);
        let target = &patch.unwrap_or_else(|| panic!("{file} is no patch"))["target"];
        assert_eq!(target["kind"], monitor["kind"]);
        assert_eq!(target["name"], monitor["metadata"]["name"]);
        let endpoint = format!("/spec/{endpoints}/0");
        for operation in yaml(folder.join(&file)).as_array().expect("a list of operations") {
            assert_eq!(operation["op"], "add");
            let (place, key) = text(operation, "/path").rsplit_once('/').unwrap();
            assert_eq!(place, endpoint);
            let endpoint = monitor.pointer_mut(place).and_then(Value::as_object_mut).unwrap();
            let before = endpoint.insert(key.to_owned(), operation["value"].clone());
            assert_eq!(before, None, "{key} was there");
        }
        let asks = monitor.pointer(&endpoint).unwrap();
        assert_eq!(asks["scheme"], "https");
        let names = list(&certificate, "/spec/dnsNames");
        assert!(names.contains(&asks["tlsConfig"]["serverName"]), "no certificate has this name");
        assert_eq!(asks["tlsConfig"]["ca"]["configMap"]["key"], "ca.crt");
        assert!(asks["tlsConfig"].get("insecureSkipVerify").is_none());
        for key in ["username", "password"] {
            assert_eq!(asks["basicAuth"][key]["name"], "whatsapp-exporter-scrape");
            assert_eq!(asks["basicAuth"][key]["key"], key);
        }
    }
}

#[test]
fn every_file_that_is_referred_to_exists() {
    let mut seen = 0;
    let mut exists = |folder: &Path, path: &str| {
        let path = folder.join(path);
        assert!(root().join(&path).exists(), "{} does not exist", path.display());
        seen += 1;
    };
    for (path, kustomization) in manifests()
        .into_iter()
        .chain([("grafana/kustomization.yaml".into(), yaml("grafana/kustomization.yaml"))])
        .filter(|(path, _)| path.ends_with("kustomization.yaml"))
    {
        let folder = path.parent().unwrap();
        for key in ["/resources", "/components"] {
            let items = list(&kustomization, key).iter().filter_map(Value::as_str);
            items.for_each(|item| exists(folder, item));
        }
        for patch in list(&kustomization, "/patches") {
            if patch.get("patch").is_none() {
                exists(folder, text(patch, "/path"));
            }
        }
        for replacement in list(&kustomization, "/replacements") {
            exists(folder, text(replacement, "/path"));
        }
        for item in list(&kustomization, "/configurations").iter().filter_map(Value::as_str) {
            exists(folder, item);
        }
        for generator in list(&kustomization, "/configMapGenerator") {
            for key in ["/files", "/envs"] {
                let items = list(generator, key).iter().filter_map(Value::as_str);
                items.for_each(|item| exists(folder, item.rsplit('=').next().unwrap()));
            }
        }
    }
    let compose = yaml("deploy/compose/compose.yaml");
    for service in compose["services"].as_object().unwrap().values() {
        for volume in list(service, "/volumes").iter().filter_map(Value::as_str) {
            exists(Path::new("deploy/compose"), volume.split(':').next().unwrap());
        }
    }
    // Links between documents.
    for (path, text) in shipped().iter().filter(|(path, _)| path.extension() == Some("md".as_ref()))
    {
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if !link.contains("://") {
                exists(path.parent().unwrap(), link);
            }
        }
    }
    assert!(seen > 30, "only {seen} references were found");
}

#[test]
fn the_compose_demo_mutes_alerts_as_the_example_for_alertmanager_does() {
    let demo = yaml("deploy/compose/alertmanager.yaml");
    let example = yaml("alerts/alertmanager.example.yaml");
    assert!(demo["inhibit_rules"].is_array());
    assert_eq!(demo["inhibit_rules"], example["inhibit_rules"]);
}
