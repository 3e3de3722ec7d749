"""Build the Kubernetes objects of a plan with a pure function from StackPlan to dicts.

::

    StatefulSet, Service   store     Dragonfly, reachable only by the trainer
    Job, Service           trainer   one pod per node, joined by torchrun
    PersistentVolumeClaim  runs      checkpoints and metrics; outlives the Job
    NetworkPolicy          store, trainer

All are standard objects of the releases that Kubernetes supports (1.35 to 1.37). The file refers to
the Secret with the store's password but does not contain it, because the file may be shared or
committed.
"""

import re
from typing import Any

from infra.dragonfly.releases import Release, format_release, parse_release
from infra.dragonfly.service import is_dragonfly_image
from infra.stack.compose_document import STORE_PORT, TRAINER_RESTARTS
from infra.stack.kubernetes_pods import Names, build_store_pod, build_trainer_pod
from infra.stack.plan import StackPlan
from qca.core.errors import InputError
from qca.core.units import GIB
from qca.memory.budget import count_parameters
from qca.memory.checkpoint_size import count_checkpoint_bytes

Object = dict[str, Any]

_HEALTHZ: Release = (1, 38, 0)
"""The first release of Dragonfly that serves `/healthz`."""

# The default of Kubernetes' backoffLimit: draining a node also ends the pods on the other nodes,
# which count as failures.
RESTARTS_TOGETHER = 6

# A pod's host name, PROJECT-trainer-999, is one label of a DNS name: 63 characters (RFC 1035).
_LONGEST_PROJECT = 63 - len("-trainer-999")

_DNS_PORT = 53
# CoreDNS and kube-dns have this label in the namespace kube-system; NodeLocal DNSCache, if a
# cluster has it, listens on this address of each node. Queries to any other server could leak data.
_CLUSTER_DNS: list[Object] = [
    {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    },
    {"ipBlock": {"cidr": "169.254.20.10/32"}},
]
_STORE_SERVICE_PORT: Object = {"port": STORE_PORT, "targetPort": "redis", "name": "redis"}


def build_kubernetes_objects(plan: StackPlan, *, nodes: int, trainer_image: str) -> list[Object]:
    """Return the objects that run `plan` on `nodes` nodes, in the order to create them.

    Raises:
        InputError: the project's name is not a valid name for the objects, or the store's release
            cannot answer their probes.

    """
    names = Names(_require_valid_name(plan.project))
    _require_healthz(plan.dragonfly.image)
    return [
        _build_runs_claim(plan, names, nodes),
        _build_service(names, "store", _STORE_SERVICE_PORT),
        _build_store(plan, names),
        _build_store_policy(names),
        _build_service(names, "trainer"),
        _build_trainer_policy(names),
        _build_trainer(plan, names, nodes, trainer_image),
    ]


def compute_runs_bytes(plan: StackPlan) -> int:
    """Return the size that the run folder can reach, in bytes, rounded up to whole GiB.

    It holds the newest checkpoints, the best one and one that is being written, each with weights
    and two moments in float32. Another GiB is for metrics, events and pictures.
    """
    train = plan.train
    checkpoint = count_checkpoint_bytes(count_parameters(train.d_state, train.hidden_channels))
    needed = (train.keep_checkpoints + 2) * checkpoint + GIB
    return -(-needed // GIB) * GIB


def _require_healthz(image: str) -> None:
    """Raise InputError for a Dragonfly release without `/healthz`, which the probes need."""
    release = parse_release(image)
    if is_dragonfly_image(image) and release < _HEALTHZ:
        raise InputError(
            f"stack.store_image: Dragonfly {format_release(release)} has no /healthz, which the "
            "pod's probes need, so it would never become ready",
            hint=f"/healthz came with {format_release(_HEALTHZ)}: use that release or a newer one.",
        )


def _require_valid_name(project: str) -> str:
    # The project is a Service's name without its suffix, and that name must be an RFC 1035 label.
    if re.fullmatch(r"[a-z][a-z0-9-]*", project) and len(project) <= _LONGEST_PROJECT:
        return project
    raise InputError(
        f"stack.project: {project!r} is not a valid name for Kubernetes objects",
        hint=f"Use at most {_LONGEST_PROJECT} letters, digits and -, starting with a letter: "
        "--project NAME.",
    )


def _build_object(api: str, kind: str, name: str, labels: Object, spec: Object) -> Object:
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def _build_runs_claim(plan: StackPlan, names: Names, nodes: int) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce" if nodes == 1 else "ReadWriteMany"],
        "resources": {"requests": {"storage": f"{compute_runs_bytes(plan) // GIB}Gi"}},
    }
    return _build_object("v1", "PersistentVolumeClaim", names.runs, names.labels("trainer"), spec)


def _build_service(names: Names, component: str, port: Object | None = None) -> Object:
    spec: Object = {"clusterIP": "None", "selector": names.labels(component)}
    if port is not None:
        spec["ports"] = [port]
    else:
        spec["publishNotReadyAddresses"] = True
    return _build_object("v1", "Service", names.name_of(component), names.labels(component), spec)


def _build_store(plan: StackPlan, names: Names) -> Object:
    labels = names.labels("store")
    spec = {
        "serviceName": names.store,
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": build_store_pod(plan, names)},
    }
    return _build_object("apps/v1", "StatefulSet", names.store, labels, spec)


def _build_trainer(plan: StackPlan, names: Names, nodes: int, image: str) -> Object:
    labels = names.labels("trainer")
    spec = {
        "completionMode": "Indexed",
        "completions": nodes,
        "parallelism": nodes,
        "backoffLimitPerIndex": TRAINER_RESTARTS if nodes == 1 else RESTARTS_TOGETHER,
        "maxFailedIndexes": 0,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                }
            ]
        },
        "podReplacementPolicy": "Failed",
        "template": {
            "metadata": {"labels": labels},
            "spec": build_trainer_pod(plan, names, nodes, image),
        },
    }
    return _build_object("batch/v1", "Job", names.trainer, labels, spec)


def _build_store_policy(names: Names) -> Object:
    labels = names.labels("store")
    spec = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [{"podSelector": {"matchLabels": names.labels("trainer")}}],
                "ports": [{"protocol": "TCP", "port": STORE_PORT}],
            }
        ],
        "egress": [],
    }
    return _build_object("networking.k8s.io/v1", "NetworkPolicy", names.store, labels, spec)


def _build_trainer_policy(names: Names) -> Object:
    labels = names.labels("trainer")
    trainers = [{"podSelector": {"matchLabels": labels}}]
    spec = {
        "podSelector": {"matchLabels": labels},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": trainers}],
        "egress": [
            {"to": trainers},
            {
                "to": [{"podSelector": {"matchLabels": names.labels("store")}}],
                "ports": [{"protocol": "TCP", "port": STORE_PORT}],
            },
            {
                "to": _CLUSTER_DNS,
                "ports": [{"protocol": kind, "port": _DNS_PORT} for kind in ("UDP", "TCP")],
            },
        ],
    }
    return _build_object("networking.k8s.io/v1", "NetworkPolicy", names.trainer, labels, spec)
