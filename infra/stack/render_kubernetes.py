"""Write Kubernetes objects as YAML, with comments on how to apply them and on each number."""

from collections.abc import Mapping
from typing import Any

from infra.stack.base_image import list_build_args
from infra.stack.commented_yaml import Path, dump_commented_yaml, format_head_comment
from infra.stack.comments import comment_store, comment_trainer
from infra.stack.compose_document import STORE_PORT
from infra.stack.kubernetes import build_kubernetes_objects
from infra.stack.kubernetes_pods import JOIN_SECONDS, SECRET_KEY
from infra.stack.plan import StackPlan

_HEADER = """\
Written by `qca render kubernetes`; change the plan (qca.toml), not this file.

Prepare two things on the cluster:
1. The trainer image, built from the repository, where the nodes can pull it:
     docker build -f Dockerfile.cuda -t {image} \\
{build_args}       .
     {deliver}
2. A Secret for the store, with a generated password that stays out of command lines and files:
     openssl rand -hex 32 | sed 's/^/--requirepass=/' | \\
       kubectl create secret generic {project}-store --from-file={key}=/dev/stdin
Then: kubectl apply -f THIS_FILE
      kubectl logs -f job/{project}-trainer
{port}A Job cannot be changed; before another training run, run `kubectl delete job
{project}-trainer`. The runs are kept in the volume claim {project}-runs.
"""

_PORT = """\
To reach the store on 127.0.0.1:{port} of your machine, keep this command running:
      kubectl port-forward service/{project}-store {port}:{store_port}
"""

# An image without a registry in its name must be loaded into the nodes.
_LOAD = """\
kind load docker-image {image}
   (that loads it into kind's nodes; minikube and k3s have their own commands. For a registry,
   render with --trainer-image REGISTRY/NAME:TAG and `docker push` that.)"""

_CONTAINER: Path = ("spec", "template", "spec", "containers", 0)
_POD: Path = ("spec", "template", "spec")

Comments = dict[Path, str]


def render_kubernetes(plan: StackPlan, *, nodes: int, trainer_image: str) -> str:
    """Return the objects that run `plan` on `nodes` nodes, as YAML with comments.

    Raises:
        InputError: the project's name cannot be the name of such objects, or the store's release
            cannot answer their probes.

    """
    objects = build_kubernetes_objects(plan, nodes=nodes, trainer_image=trainer_image)
    documents = [
        dump_commented_yaml(document, _comment_object(document, plan, nodes))
        for document in objects
    ]
    return "---\n".join([f"{_format_head(plan, trainer_image)}\n{documents[0]}", *documents[1:]])


def _format_head(plan: StackPlan, image: str) -> str:
    arguments = list_build_args(plan.trainer.base_image.value).items()
    port = ""
    if plan.store_port.value is not None:
        port = _PORT.format(port=plan.store_port.value, store_port=STORE_PORT, project=plan.project)
    tag = image.partition("@")[0]
    text = _HEADER.format(
        image=tag,
        deliver=f"docker push {tag}" if "/" in tag else _LOAD.format(image=tag),
        build_args="".join(f"       --build-arg {key}={value} \\\n" for key, value in arguments),
        project=plan.project,
        key=SECRET_KEY,
        port=port,
    )
    return format_head_comment(text)


def _comment_object(document: Mapping[str, Any], plan: StackPlan, nodes: int) -> Comments:
    component = document["metadata"]["labels"]["app.kubernetes.io/component"]
    match document["kind"], component:
        case "PersistentVolumeClaim", _:
            return _comment_runs(plan, nodes)
        case "StatefulSet", _:
            return _comment_store(document, plan)
        case "Job", _:
            return _comment_trainer(document, plan, nodes)
        case "Service", "trainer":
            return {
                ("spec", "publishNotReadyAddresses"): "the pods must find each other before they "
                "are ready"
            }
        case "NetworkPolicy", "store":
            return {
                ("spec", "ingress"): "only the trainer; the node's own probes and `kubectl "
                "port-forward` come from the node, which no policy can exclude",
                ("spec", "egress"): "the store needs no outgoing connections",
            }
        case "NetworkPolicy", "trainer":
            return {
                ("spec", "ingress", 0): "NCCL and gloo open ports as needed",
                ("spec", "egress", 2): "only the cluster's own DNS (OpenShift's has "
                "another namespace and label); nothing else may leave the namespace",
            }
        case _:
            return {}


def _comment_runs(plan: StackPlan, nodes: int) -> Comments:
    train = plan.train
    comments: Comments = {
        ("spec", "resources"): f"the {train.keep_checkpoints} newest checkpoints, the best and one "
        "that is being written, each with the weights and their two moments; 1 GiB for metrics",
    }
    if nodes > 1:
        comments["spec", "accessModes"] = (
            "all pods share one folder: the first pod writes to it, and all resume from it and "
            "read the heartbeat in it. This needs a storage class that supports it"
        )
    return comments


def _comment_store(document: Mapping[str, Any], plan: StackPlan) -> Comments:
    args = document["spec"]["template"]["spec"]["containers"][0]["args"]
    resources = (*_CONTAINER, "resources")
    return {
        **_comment_pod(),
        **comment_store(plan, (*_CONTAINER, "args"), args),
        (*resources, "limits", "memory"): plan.dragonfly.container_memory_bytes.because,
        (*resources, "limits", "cpu"): "one CPU per thread: before v1.38 Dragonfly starts a "
        "thread for each CPU of this limit, regardless of its flags (Dragonfly issue 4251)",
        (*resources, "requests", "cpu"): "one trainer's metrics are a few kilobytes per second",
        (*_CONTAINER, "startupProbe"): "/healthz returns 200 only if the store is usable, and "
        "needs no password",
    }


def _comment_trainer(document: Mapping[str, Any], plan: StackPlan, nodes: int) -> Comments:
    command = document["spec"]["template"]["spec"]["containers"][0]["command"]
    resources = (*_CONTAINER, "resources")
    comments: Comments = {
        **_comment_pod(),
        ("spec", "completions"): _explain_completions(plan, nodes),
        ("spec", "backoffLimitPerIndex"): _explain_retries(nodes),
        ("spec", "podFailurePolicy"): "a pod that was evicted, preempted or drained does not count",
        (*_POD, "terminationGracePeriodSeconds"): "on SIGTERM the trainer first writes a "
        "checkpoint; torchrun then exits with 1, so that the pod counts as interrupted and not as "
        "finished",
        **comment_trainer(plan, (*_CONTAINER, "command"), command),
        (*resources, "limits", "memory"): plan.trainer.container_memory_bytes.because,
        (*resources, "requests", "cpu"): "no limit: torch starts a thread for each CPU of the "
        "machine, and with a limit these threads would wait for each other",
    }
    if plan.trainer.device.value == "cuda":
        comments[(*resources, "limits", "nvidia.com/gpu")] = plan.trainer.gpus.because
    if nodes > 1:
        comments[(*_CONTAINER, "startupProbe")] = (
            f"{JOIN_SECONDS // 60} minutes for all nodes to join, at the start and when one is "
            f"replaced"
        )
    return comments


def _comment_pod() -> Comments:
    return {
        (*_POD, "enableServiceLinks"): "no variables named after Services: Dragonfly refuses "
        "to start with an unknown DFLY_*, and qca reads QCA_*",
        (*_POD, "volumes", 2): "0440, readable only by the pod's group, which is fsGroup",
        (
            *_POD,
            "securityContext",
        ): "together with the container's context, it meets the Pod Security "
        'Standard "restricted"',
    }


def _explain_completions(plan: StackPlan, nodes: int) -> str:
    if nodes == 1:
        return "one node; set more with `--nodes N`"
    samples = plan.train.batch_size * nodes * max(1, plan.trainer.gpus.value)
    return f"{nodes} nodes, each with its own samples: {samples} per episode in total"


def _explain_retries(nodes: int) -> str:
    ends = "a finished training run exits with 0 and is not restarted; "
    if nodes == 1:
        return f"{ends}a failed one resumes from its last checkpoint, as with Compose"
    return (
        f"{ends}if one pod fails or is drained, all of them exit and resume together from the last "
        "checkpoint, and this counts as a failure of the others"
    )
