"""Build the pods of the store and the trainer, following the Pod Security Standard "restricted"."""

from typing import Any

from infra.stack.compose_document import (
    CONTAINER_RUNS,
    STORE_PORT,
    STORE_STOP_SECONDS,
    TRAINER_START_SECONDS,
    TRAINER_STOP_SECONDS,
    build_store_command,
)
from infra.stack.plan import StackPlan
from infra.stack.trainer_command import build_trainer_command
from qca.core.frozen import frozen_dataclass
from qca.core.units import MIB

# The user that Dockerfile.cuda sets. Dragonfly's image works with any user, so both can share one.
USER = 10001

SECRET_FOLDER = "/run/secrets/qca"
SECRET_KEY = "store.flags"
_FLAGS_FILE = f"{SECRET_FOLDER}/{SECRET_KEY}"

# torch.distributed.elastic.rendezvous.c10d_rendezvous_backend: DEFAULT_PORT.
RENDEZVOUS_PORT = 29400

# New nodes of a cluster must start and pull an image of several GB.
JOIN_SECONDS = 1800

_PROBE_EVERY = 15
# Longer than the minute after which `qca.runs.health` considers a trainer dead.
_DEAD_SECONDS = 120

# Like Compose's tmpfs, it is in memory and counts towards the container's limit.
_SCRATCH = {"medium": "Memory", "sizeLimit": "64Mi"}

Object = dict[str, Any]


@frozen_dataclass
class Names:
    """The names of a project's objects."""

    project: str

    def name_of(self, component: str) -> str:
        """Return the name of a component's objects."""
        return f"{self.project}-{component}"

    @property
    def store(self) -> str:
        """The name of the store's objects and of the Secret with its password."""
        return self.name_of("store")

    @property
    def trainer(self) -> str:
        """The name of the trainer's objects."""
        return self.name_of("trainer")

    @property
    def runs(self) -> str:
        """The name of the volume claim for the run folders."""
        return self.name_of("runs")

    def labels(self, component: str) -> dict[str, str]:
        """Return the labels of a component's objects, which their selectors also use."""
        return {
            "app.kubernetes.io/name": "qca",
            "app.kubernetes.io/instance": self.project,
            "app.kubernetes.io/component": component,
        }


def build_store_pod(plan: StackPlan, names: Names) -> Object:
    """Return the spec of the store's pod."""
    dragonfly = plan.dragonfly
    memory = _format_mebibytes(dragonfly.container_memory_bytes.value)
    probe = {"httpGet": {"path": "/healthz", "port": "redis"}, "timeoutSeconds": 5}
    container = {
        "name": "store",
        "image": dragonfly.image,
        "args": build_store_command(plan, _FLAGS_FILE),
        "ports": [{"name": "redis", "containerPort": STORE_PORT}],
        "securityContext": _build_container_security(),
        "resources": {
            "requests": {"cpu": "100m", "memory": memory},
            "limits": {"cpu": str(dragonfly.proactor_threads.value), "memory": memory},
        },
        "startupProbe": {**probe, "periodSeconds": 2, "failureThreshold": 30},
        "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6},
        "readinessProbe": {**probe, "periodSeconds": 5},
        "volumeMounts": [
            _build_mount("tmp", "/tmp"),
            _build_mount("data", "/data"),
            _build_secret_mount(),
        ],
    }
    volumes = [
        _build_scratch_volume("tmp"),
        _build_scratch_volume("data"),
        _build_secret_volume(names),
    ]
    return _build_pod(container, volumes, STORE_STOP_SECONDS)


def build_trainer_pod(plan: StackPlan, names: Names, nodes: int, image: str) -> Object:
    """Return the spec of a trainer pod, which exits when training ends and is never restarted."""
    container = {
        "name": "trainer",
        "image": image,
        "command": [
            *_build_torchrun_command(plan, names, nodes),
            *_build_train_command(plan, names),
        ],
        "env": [{"name": "HOME", "value": "/tmp"}],
        "securityContext": _build_container_security(),
        "resources": _build_trainer_resources(plan),
        **_build_trainer_probes(plan, nodes),
        "volumeMounts": [
            _build_mount("tmp", "/tmp"),
            _build_mount("runs", CONTAINER_RUNS),
            _build_secret_mount(),
        ],
    }
    claim = {"name": "runs", "persistentVolumeClaim": {"claimName": names.runs}}
    pod = _build_pod(
        container,
        [_build_scratch_volume("tmp"), claim, _build_secret_volume(names)],
        TRAINER_STOP_SECONDS,
    )
    pod |= {"restartPolicy": "Never", "subdomain": names.trainer}
    if plan.trainer.device.value == "cuda":
        pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    if nodes > 1:
        pod["topologySpreadConstraints"] = [_build_spread_constraint(names)]
    return pod


def _build_torchrun_command(plan: StackPlan, names: Names, nodes: int) -> list[str]:
    first_pod = f"{names.trainer}-0.{names.trainer}"
    return [
        *("python", "-m", "torch.distributed.run"),
        f"--nnodes={nodes}",
        f"--nproc-per-node={max(1, plan.trainer.gpus.value)}",
        "--rdzv-backend=c10d",
        f"--rdzv-endpoint={first_pod}:{RENDEZVOUS_PORT}",
        f"--rdzv-id={plan.train.run}",
        *([f"--rdzv-conf=join_timeout={JOIN_SECONDS}"] if nodes > 1 else []),
        f"--shutdown-timeout={TRAINER_STOP_SECONDS - 5}",
    ]


def _build_train_command(plan: StackPlan, names: Names) -> list[str]:
    store = f"redis://{names.store}:{STORE_PORT}"
    # After `--`, torchrun does not look for its own options; `--run` could be mistaken for one.
    return ["-m", "--", "qca", *build_trainer_command(plan, CONTAINER_RUNS, store, _FLAGS_FILE)]


def _build_trainer_resources(plan: StackPlan) -> Object:
    memory = _format_mebibytes(plan.trainer.container_memory_bytes.value)
    limits = {"memory": memory}
    if plan.trainer.device.value == "cuda":
        limits["nvidia.com/gpu"] = str(plan.trainer.gpus.value)
    return {"requests": {"cpu": "1", "memory": memory}, "limits": limits}


def _build_trainer_probes(plan: StackPlan, nodes: int) -> Object:
    health_check = ["python", "-m", "qca.runs.health", f"{CONTAINER_RUNS}/{plan.train.run}"]
    alive = {"exec": {"command": health_check}, "timeoutSeconds": 10, "periodSeconds": _PROBE_EVERY}
    wait = JOIN_SECONDS if nodes > 1 else 0
    start, dead = TRAINER_START_SECONDS + wait, _DEAD_SECONDS + wait
    return {
        "startupProbe": {**alive, "failureThreshold": start // _PROBE_EVERY},
        "livenessProbe": {**alive, "failureThreshold": dead // _PROBE_EVERY},
        "readinessProbe": alive,
    }


def _build_pod(container: Object, volumes: list[Object], stop_seconds: int) -> Object:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": stop_seconds,
        "containers": [container],
        "volumes": volumes,
    }


def _build_container_security() -> Object:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _build_spread_constraint(names: Names) -> Object:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.labels("trainer")},
    }


def _build_scratch_volume(name: str) -> Object:
    return {"name": name, "emptyDir": dict(_SCRATCH)}


def _build_mount(name: str, path: str) -> Object:
    return {"name": name, "mountPath": path}


def _build_secret_volume(names: Names) -> Object:
    return {"name": "flags", "secret": {"secretName": names.store, "defaultMode": 0o440}}


def _build_secret_mount() -> Object:
    return {"name": "flags", "mountPath": SECRET_FOLDER, "readOnly": True}


def _format_mebibytes(size: int) -> str:
    """Return a size in Kubernetes' notation, in which M means a million and Mi means MiB."""
    return f"{-(-size // MIB)}Mi"
