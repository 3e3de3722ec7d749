"""The objects for a cluster are valid, hardened and consistent, and have the plan's numbers."""

import re
import shlex
import subprocess
from contextlib import nullcontext
from dataclasses import replace

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from infra.stack.decision import list_decisions
from infra.stack.kubernetes import build_kubernetes_objects, compute_runs_bytes
from infra.stack.plan import plan_stack
from infra.stack.render_kubernetes import render_kubernetes
from qca.core.config import Config, StackConfig, TrainConfig
from qca.core.errors import InputError
from qca.core.units import GIB, MIB
from qca.store.client import read_password
from tests.support.hosts import CDI_ENGINE, PLUGIN, bare_host, driver, engine, gpu

# https://kubernetes.io/releases/: the releases supported in November 2026.
RELEASES = ["1.35", "1.36", "1.37"]

CPU_HOST = bare_host(docker=engine(cpus=16), compose=PLUGIN)
GPU_HOST = bare_host(
    gpu=driver(gpu(memory_total=24 * GIB, memory_free=23 * GIB), toolkit=None),
    docker=CDI_ENGINE,
    compose=PLUGIN,
)
DISTROLESS = "ghcr.io/dragonflydb/dragonfly:v1.40.0-distroless"
PLANS = {
    "cpu": (plan_stack(CPU_HOST, Config()), 1),
    "gpu": (plan_stack(GPU_HOST, Config()), 1),
    "several nodes": (plan_stack(GPU_HOST, Config(train=TrainConfig(batch_size=2))), 4),
    "store port": (plan_stack(CPU_HOST, Config(stack=StackConfig(store_port=6380))), 1),
    "distroless": (plan_stack(CPU_HOST, Config(stack=StackConfig(store_image=DISTROLESS))), 1),
}
IMAGE = "registry.example.com/qca-trainer:1"

# Settings that the objects omit, or have only if they are not the default.
NOT_IN_THE_OBJECTS = {
    "runtime",
    "store_port",
    "trainer.gpus",
    "trainer.nnodes",
    "trainer.rdzv_endpoint",
    "trainer.batch_size",
    "trainer.tapes",
    "trainer.fits",
    "trainer.base_image",
}


def objects(name: str) -> list[dict]:
    plan, nodes = PLANS[name]
    return build_kubernetes_objects(plan, nodes=nodes, trainer_image=IMAGE)


def text(name: str) -> str:
    plan, nodes = PLANS[name]
    return render_kubernetes(plan, nodes=nodes, trainer_image=IMAGE)


def one(name: str, kind: str, component: str) -> dict:
    """Return the object of that kind and component."""
    [found] = [
        found
        for found in objects(name)
        if found["kind"] == kind and found["metadata"]["name"] == f"qca-{component}"
    ]
    return found


def pod(name: str, component: str) -> dict:
    kind = {"store": "StatefulSet", "trainer": "Job"}[component]
    return one(name, kind, component)["spec"]["template"]["spec"]


def container(name: str, component: str) -> dict:
    [found] = pod(name, component)["containers"]
    return found


PODS = [(name, component) for name in PLANS for component in ("store", "trainer")]


# -- valid ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", PLANS)
def test_every_object_is_valid_by_the_published_schema(name, release):
    for found in objects(name):
        kubernetes_validate.validate(found, release, strict=True)


def test_a_key_that_no_schema_has_is_noticed():
    wrong = one("cpu", "Job", "trainer")
    wrong["spec"]["template"]["spec"]["containers"][0]["restartPolice"] = "Never"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, RELEASES[0], strict=True)


@pytest.mark.parametrize(
    "project", ["a_b", "-a", "1st", "A", "a" * 52, "a.b"], ids=lambda name: name[:5]
)
def test_a_project_that_cannot_name_objects_is_refused(project):
    plan = replace(PLANS["cpu"][0], project=project)
    with pytest.raises(InputError, match=r"stack\.project"):
        build_kubernetes_objects(plan, nodes=1, trainer_image=IMAGE)


@pytest.mark.parametrize(
    ("image", "is_refused"),
    [
        ("dragonflydb/dragonfly:v1.37.0", True),
        ("dragonflydb/dragonfly:v1.38.0", False),
        ("dragonflydb/dragonfly:latest", False),
        ("registry.example.com/our-store:1.2", False),
    ],
)
def test_a_store_that_cannot_answer_the_probes_is_refused(image, is_refused):
    plan = plan_stack(CPU_HOST, Config(stack=StackConfig(store_image=image)))
    expected = pytest.raises(InputError, match="/healthz") if is_refused else nullcontext()

    with expected:
        build_kubernetes_objects(plan, nodes=1, trainer_image=IMAGE)


@given(st.from_regex(r"[a-z][a-z0-9-]{0,50}", fullmatch=True), st.integers(1, 999))
def test_every_name_is_a_valid_dns_label(project, nodes):
    plan = replace(PLANS["cpu"][0], project=project)
    made = build_kubernetes_objects(plan, nodes=nodes, trainer_image=IMAGE)
    names = [found["metadata"]["name"] for found in made]
    last_pod = f"{project}-trainer-{nodes - 1}"
    for label in [*names, last_pod]:
        assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", label)


# -- hardened: https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted ---


@pytest.mark.parametrize(("name", "component"), PODS)
def test_a_pod_is_restricted(name, component):
    found, inside = pod(name, component), container(name, component)
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["securityContext"]["runAsUser"] > 0
    assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inside["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not found.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    kinds = {next(key for key in volume if key != "name") for volume in found["volumes"]}
    assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}
    assert all("hostPort" not in port for port in inside.get("ports", []))


@pytest.mark.parametrize(("name", "component"), PODS)
def test_a_pod_has_no_access_to_the_cluster(name, component):
    assert pod(name, component)["automountServiceAccountToken"] is False
    # A Service named dfly-... would set a DFLY_ variable that makes Dragonfly exit.
    assert pod(name, component)["enableServiceLinks"] is False


@pytest.mark.parametrize(("name", "component"), PODS)
def test_everything_that_grows_is_limited(name, component):
    resources = container(name, component)["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"]
    scratch = [
        volume["emptyDir"] for volume in pod(name, component)["volumes"] if "emptyDir" in volume
    ]
    assert all(volume["sizeLimit"] for volume in scratch)


@pytest.mark.parametrize("name", PLANS)
def test_it_contains_no_password(name):
    assert all(found["kind"] != "Secret" for found in objects(name))
    assert "requirepass" not in str(objects(name))
    assert "DFLY_" not in str(objects(name))


# -- fitting together -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "component"), PODS)
def test_everything_that_a_pod_mounts_exists(name, component):
    volumes = {volume["name"]: volume for volume in pod(name, component)["volumes"]}
    assert {m["name"] for m in container(name, component)["volumeMounts"]} == set(volumes)
    assert volumes["flags"]["secret"]["secretName"] == "qca-store"
    if component == "trainer":
        claim = volumes["runs"]["persistentVolumeClaim"]["claimName"]
        assert one(name, "PersistentVolumeClaim", "runs")["metadata"]["name"] == claim


@pytest.mark.parametrize("component", ["store", "trainer"])
def test_services_and_policies_select_the_pods_of_their_component(component):
    kind = {"store": "StatefulSet", "trainer": "Job"}[component]
    labels = one("cpu", kind, component)["spec"]["template"]["metadata"]["labels"]
    assert one("cpu", "Service", component)["spec"]["selector"] == labels
    policy = one("cpu", "NetworkPolicy", component)["spec"]
    assert policy["podSelector"] == {"matchLabels": labels}
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_only_the_trainer_can_reach_the_store():
    [rule] = one("cpu", "NetworkPolicy", "store")["spec"]["ingress"]
    [peer] = rule["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "trainer"
    assert rule["ports"] == [{"protocol": "TCP", "port": 6379}]
    assert one("cpu", "NetworkPolicy", "store")["spec"]["egress"] == []
    assert one("cpu", "Service", "store")["spec"]["ports"][0]["port"] == 6379
    assert "--store=redis://qca-store:6379" in container("cpu", "trainer")["command"]


@pytest.mark.parametrize("name", PLANS)
def test_the_trainers_connect_to_the_first_pod(name):
    nodes = PLANS[name][1]
    job = one(name, "Job", "trainer")
    assert (job["spec"]["completionMode"], job["spec"]["completions"]) == ("Indexed", nodes)
    assert job["spec"]["parallelism"] == nodes
    assert pod(name, "trainer")["subdomain"] == one(name, "Service", "trainer")["metadata"]["name"]
    command = container(name, "trainer")["command"]
    assert "--rdzv-endpoint=qca-trainer-0.qca-trainer:29400" in command
    assert f"--nnodes={nodes}" in command
    service = one(name, "Service", "trainer")["spec"]
    assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)


@pytest.mark.parametrize("name", PLANS)
def test_torchrun_parses_the_command_as_intended(name):
    from torch.distributed.run import parse_args

    command = container(name, "trainer")["command"]
    assert command[:3] == ["python", "-m", "torch.distributed.run"]
    read = parse_args(command[3:])
    assert (read.module, read.training_script, read.training_script_args[0]) == (
        *(True, "qca"),
        "train",
    )
    # SIGTERM must reach the trainer, and its checkpoint must be on disk, before the pod is killed.
    assert 0 < read.shutdown_timeout < pod(name, "trainer")["terminationGracePeriodSeconds"]


def test_several_nodes_share_one_run_folder():
    modes = {
        name: one(name, "PersistentVolumeClaim", "runs")["spec"]["accessModes"] for name in PLANS
    }
    assert modes["several nodes"] == ["ReadWriteMany"]
    assert modes["gpu"] == ["ReadWriteOnce"]


def test_a_node_that_waits_for_others_does_not_count_as_dead():
    for probe in ("startupProbe", "livenessProbe"):
        found = container("several nodes", "trainer")[probe]
        assert found["periodSeconds"] * found["failureThreshold"] > 1800
        alone = container("gpu", "trainer")[probe]
        assert alone["failureThreshold"] < found["failureThreshold"]
    command = container("several nodes", "trainer")["command"]
    assert "--rdzv-conf=join_timeout=1800" in command


def test_a_finished_pod_succeeds_and_a_drained_one_does_not_count():
    spec = one("several nodes", "Job", "trainer")["spec"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert (spec["backoffLimitPerIndex"], spec["maxFailedIndexes"]) == (6, 0)
    assert one("gpu", "Job", "trainer")["spec"]["backoffLimitPerIndex"] == 3
    [rule] = spec["podFailurePolicy"]["rules"]
    assert rule["action"] == "Ignore"
    assert [one["type"] for one in rule["onPodConditions"]] == ["DisruptionTarget"]


def test_a_store_without_a_shell_is_checked_without_one():
    assert container("distroless", "store")["args"][0] == "--logtostderr"
    assert container("cpu", "store")["args"][0] == "dragonfly"
    for name in ("cpu", "distroless"):
        assert container(name, "store")["readinessProbe"]["httpGet"]["path"] == "/healthz"


# -- the plan's numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANS)
def test_memory_limits_are_those_of_the_plan(name):
    plan, _ = PLANS[name]
    limits = {c: container(name, c)["resources"]["limits"]["memory"] for c in ("store", "trainer")}
    assert limits["store"] == f"{plan.dragonfly.container_memory_bytes.value // MIB}Mi"
    assert limits["trainer"] == f"{plan.trainer.container_memory_bytes.value // MIB}Mi"
    assert (
        f"--maxmemory={plan.dragonfly.maxmemory_bytes.value // GIB}G"
        in container(name, "store")["args"]
    )


def test_only_a_cuda_trainer_requests_a_gpu():
    assert container("gpu", "trainer")["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in str(objects("cpu"))


def test_the_claim_holds_every_checkpoint_that_is_kept():
    plan, _ = PLANS["gpu"]
    checkpoint = 27_883_292 * 4 * 3
    assert compute_runs_bytes(plan) >= (plan.train.keep_checkpoints + 2) * checkpoint + GIB
    storage = one("gpu", "PersistentVolumeClaim", "runs")["spec"]["resources"]["requests"][
        "storage"
    ]
    assert storage == f"{compute_runs_bytes(plan) // GIB}Gi"


# -- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANS)
def test_the_yaml_equals_the_objects(name):
    assert list(YAML(typ="safe").load_all(text(name))) == objects(name)


@pytest.mark.parametrize("name", PLANS)
def test_every_number_of_the_plan_has_its_reason_above_it(name):
    plan, _ = PLANS[name]
    message = " ".join(text(name).replace("#", " ").split()).lower()
    for path, decision in list_decisions(plan).items():
        if path not in NOT_IN_THE_OBJECTS:
            assert decision.because.lower() in message, path


def test_lines_are_short_enough_to_read():
    for name in PLANS:
        comments = [line for line in text(name).splitlines() if line.lstrip().startswith("#")]
        assert max(map(len, comments)) <= 110


def test_several_nodes_name_their_samples_per_episode():
    assert "4 nodes, each with its own samples: 8 per episode" in text("several nodes")


def test_a_requested_store_port_is_forwarded():
    assert "kubectl port-forward service/qca-store 6380:6379" in text("store port")
    assert "port-forward service" not in text("cpu")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("registry.example.com/qca-trainer:1", "docker push registry.example.com/qca-trainer:1"),
        (
            "registry.example.com/qca-trainer:1@sha256:abc",
            "docker push registry.example.com/qca-trainer:1",
        ),
        ("qca-trainer:0.1.0", "kind load docker-image qca-trainer:0.1.0"),
    ],
)
def test_the_head_explains_how_to_deliver_the_image(image, message):
    plan, nodes = PLANS["cpu"]
    lines = render_kubernetes(plan, nodes=nodes, trainer_image=image).splitlines()
    assert f"#      {message}" in lines
    assert f"          image: {image}" in lines


# -- the command at its head ----------------------------------------------------------------------

# A fake kubectl, which records its arguments and its input.
FAKE_KUBECTL = """#!/bin/sh
echo "$@" > called
for word; do case $word in --from-file=*) cat "${word#--from-file=*=}" > "${word%=*}";; esac; done
"""


def test_the_password_is_generated_and_on_no_command_line(tmp_path, monkeypatch):
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(FAKE_KUBECTL)
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    head = "\n".join(line[2:] for line in text("cpu").splitlines() if line.startswith("# "))
    [command] = re.findall(r"openssl .*\\\n.*", head)
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    password = read_password(tmp_path / "--from-file=store.flags")
    assert len(password) == 64
    called = shlex.split((tmp_path / "called").read_text())
    assert called[:4] == ["create", "secret", "generic", "qca-store"]
    assert password not in (tmp_path / "called").read_text()


@pytest.mark.parametrize("name", PLANS)
def test_the_trainer_reaches_its_peers_the_store_and_the_clusters_own_dns(name):
    peers, store, dns = one(name, "NetworkPolicy", "trainer")["spec"]["egress"]
    labels = [rule["to"][0]["podSelector"]["matchLabels"] for rule in (peers, store)]
    components = [each["app.kubernetes.io/component"] for each in labels]
    assert components == ["trainer", "store"]
    assert {port["port"] for port in store["ports"]} == {6379}
    assert {(port["protocol"], port["port"]) for port in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    cluster, node_cache = dns["to"]
    assert cluster["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}
    assert "namespaceSelector" in cluster
    assert node_cache == {"ipBlock": {"cidr": "169.254.20.10/32"}}
