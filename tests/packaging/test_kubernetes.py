"""The manifests: what Kubernetes would take, and what a gateway needs of them."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.cli import app
from gateway.cli.run import EDGE_STOP_MARGIN_S, PROJECTOR_STOP_S
from gateway.config import Config, Limits
from tests.packaging.conftest import ROOT
from tests.packaging.test_container import settings_from

FOLDER = ROOT / "packaging" / "kubernetes"
OBJECTS = [
    each for file in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(file.read_text("utf-8"))
]


def named(kind: str) -> dict[str, Any]:
    """The objects of a kind, by name."""
    return {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] == kind}


PODS = {
    each["metadata"]["name"]: each["spec"]["template"]
    for each in OBJECTS
    if each["kind"] in ("Job", "StatefulSet")
}
CONTAINERS = {
    container["name"]: container
    for pod in PODS.values()
    for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
}
STATEFUL = named("StatefulSet")["fieldgate"]


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("each", OBJECTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_kubernetes_would_take_it(each: dict[str, Any], version: str) -> None:
    """By its own schemas, no field that it does not know."""
    kubernetes_validate.validate(each, ".".join(version.split(".")[:2]), strict=True)


def test_there_is_one_gateway_with_everything_in_one_pod() -> None:
    """The edge and the projector share journals and process ids; the projector ends after the edge."""
    assert PODS.keys() == {"fieldgate-init", "fieldgate"}
    assert STATEFUL["spec"]["replicas"] == 1
    pod = STATEFUL["spec"]["template"]["spec"]
    assert pod["shareProcessNamespace"] is True
    (projector,), (edge, management) = pod["initContainers"], pod["containers"]
    assert projector["restartPolicy"] == "Always"
    assert [each["args"] for each in (projector, edge, management)] == [
        ["projector"],
        ["edge"],
        ["management"],
    ]
    for each in (edge, management):
        assert each["volumeMounts"] == projector["volumeMounts"]
        assert each["env"] == projector["env"]
    assert "readinessProbe" not in projector


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_restricted(name: str) -> None:
    """Not root, and what the namespace enforces; nothing of the cluster's in its environment, keys stay their owner's."""
    spec = PODS[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    user = re.findall(
        r"^USER (\d+):(\d+)$", (ROOT / "packaging/container/Containerfile").read_text("utf-8"), re.MULTILINE
    )
    assert [(str(security["runAsUser"]), str(security["runAsGroup"]))] == user
    assert security["fsGroupChangePolicy"] == "OnRootMismatch"
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_can_do_nothing_else(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs a command that there is, with settings that there are, on the volume of the image, and writes nowhere else."""
    container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    command, *options = container["args"]
    known = {each for argument in app[command].assemble_argument_collection() for each in argument.names}
    assert {option for option in options if option.startswith("--")} <= known
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/var/lib/fieldgate", "/tmp"}
    url = named("Secret")["fieldgate-store"]["stringData"]["url"]
    environment = {variable["name"]: variable.get("value", url) for variable in container["env"]}
    assert settings_from(environment, tmp_path, monkeypatch).store_url == url
    for variable in container["env"]:
        if (secret := variable.get("valueFrom", {}).get("secretKeyRef")) is not None:
            assert secret["key"] in named("Secret")[secret["name"]]["stringData"]


def test_it_has_the_time_to_stop() -> None:
    """For what is waited for before, for draining, and for the projector after it."""
    pod = STATEFUL["spec"]["template"]["spec"]
    (*_, pause_s) = CONTAINERS["edge"]["lifecycle"]["preStop"]["exec"]["command"]
    needs_s = float(pause_s) + Limits().drain_s + EDGE_STOP_MARGIN_S + PROJECTOR_STOP_S
    assert pod["terminationGracePeriodSeconds"] >= needs_s


def test_the_ports_are_those_of_a_gateway() -> None:
    """Of its listeners and monitors, in the pod, the services, the probes and the policy."""
    config = Config()
    ports = {listener.kind: listener.port for listener in config.listeners}
    ports |= {"edge": config.monitor_port, "projector": config.monitor_port + 1}
    ports |= {"management": config.management.port}
    assert {
        port["name"]: port["containerPort"] for c in CONTAINERS.values() for port in c.get("ports", ())
    } == ports
    for service in named("Service").values():
        assert service["spec"]["selector"] == PODS["fieldgate"]["metadata"]["labels"]
        assert {
            port["targetPort"]: port["port"] for port in service["spec"]["ports"]
        }.items() <= ports.items()
    probes = {(name, probe) for name, c in CONTAINERS.items() for probe in c if probe.endswith("Probe")}
    assert probes == {
        ("edge", "startupProbe"),
        ("edge", "livenessProbe"),
        ("edge", "readinessProbe"),
        ("projector", "livenessProbe"),
        ("management", "livenessProbe"),
    }
    for name, probe in probes:
        tls = {"scheme": "HTTPS"} if name == "management" else {}
        assert CONTAINERS[name][probe]["httpGet"] == {"path": "/livez", "port": name} | tls
    policy = named("NetworkPolicy")["fieldgate"]["spec"]
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == set(ports.values())


def test_agents_come_with_their_own_addresses() -> None:
    """Limits, logs and incidents go by them."""
    spec = named("Service")["fieldgate"]["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")


def test_what_is_pointed_at_is_there() -> None:
    """Claims, services, and the pods that policies are for; everything in one namespace that enforces what they keep to."""
    (claim,) = named("PersistentVolumeClaim")
    for pod in PODS.values():
        claims = [
            v["persistentVolumeClaim"]["claimName"]
            for v in pod["spec"]["volumes"]
            if "persistentVolumeClaim" in v
        ]
        assert claims == [claim]
    assert STATEFUL["spec"]["serviceName"] in named("Service")
    assert STATEFUL["spec"]["selector"]["matchLabels"] == PODS["fieldgate"]["metadata"]["labels"]
    budget = named("PodDisruptionBudget")["fieldgate"]["spec"]
    assert budget["selector"]["matchLabels"] == PODS["fieldgate"]["metadata"]["labels"]
    (expression,) = named("NetworkPolicy")["fieldgate"]["spec"]["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == {
        pod["metadata"]["labels"][expression["key"]] for pod in PODS.values()
    }
    (namespace,) = named("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"]["namespace"] for each in OBJECTS if each is not namespace} == {
        namespace["metadata"]["name"]
    }
