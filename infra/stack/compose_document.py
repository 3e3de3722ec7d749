"""Build the Compose document of a plan with a pure function from StackPlan to a dict.

The document works with every Compose V2: it has no `version` (obsolete since V2.25) and no `gpus`
(V2.30 and newer), but requests the GPU through `deploy.resources.reservations.devices`. The
containers are hardened by default: an ordinary user, a read-only root, no capabilities, and limits
on everything that grows.
"""

from typing import Any

from infra.stack.plan import StackPlan
from infra.stack.run_storage import RunStorage, name_secret_volume, name_volume
from infra.stack.services import STORE, TRAINER
from infra.stack.trainer_command import build_distributed_flags, build_trainer_command
from qca.core.units import format_exact_size

STORE_PORT = 6379
SECRETS = "/run/secrets"
STORE_FLAGS = f"{SECRETS}/store_flags"
CONTAINER_RUNS = "/runs"
"""The folder of the runs in the trainer's container."""

# The variables that a user who runs the file by hand must set, as the file's header explains.
USER = "${QCA_UID:?see the head of this file}:${QCA_GID:?see the head of this file}"
TRAINER_IMAGE = "${QCA_TRAINER_IMAGE:?see the head of this file}"
STORE_FLAGS_FILE = "${QCA_STORE_FLAGS:?see the head of this file}"
RUN_FOLDER = "${QCA_RUN_FOLDER:?see the head of this file}"

# A finished or stopped trainer writes a checkpoint of 335 MiB, including AdamW's moments, which
# takes well under a minute even on a slow disk.
TRAINER_STOP_SECONDS = 60
STORE_STOP_SECONDS = 10

# On a laptop, importing torch from a cold disk takes a minute; on two cores, the first step of the
# real configuration takes seconds more.
TRAINER_START_SECONDS = 300
TRAINER_RESTARTS = 3

# Scratch folders are in memory and count towards the container's limit.
_SCRATCH = "{}:size=64m,mode=1777"
# Triton compiles kernels into the home folder and loads them from there. By default Docker mounts a
# tmpfs with `noexec`, which prevents loading libraries.
_EXECUTABLE = ",exec"

# Python, torch's worker threads and the health check need far fewer; a fork bomb needs more.
PIDS_LIMIT = 512

# NCCL's buffers between the GPUs of a machine need more than Docker's default of 64 MiB (NCCL user
# guide, "Troubleshooting", "Sharing Data").
SHARED_MEMORY = "1g"


def build_compose_document(plan: StackPlan, storage: RunStorage) -> dict[str, Any]:
    """Return the Compose document that runs `plan` and keeps the run in `storage`."""
    services = {STORE: _build_store(plan, storage), TRAINER: _build_trainer(plan, storage)}
    if storage.is_remapped:  # otherwise the container could not open the user's files
        services = {name: {**service, "userns_mode": "host"} for name, service in services.items()}
    return {
        "services": services,
        "networks": _build_networks(plan),
        **_build_files(plan, storage),
    }


def _build_files(plan: StackPlan, storage: RunStorage) -> dict[str, Any]:
    """Return the password file, or the volumes if the engine cannot read this machine's files."""
    if storage.volume is None:
        return {"secrets": {"store_flags": {"file": STORE_FLAGS_FILE}}}
    is_own = storage.volume == name_volume(plan.project)
    runs = {} if is_own else {"name": storage.volume, "external": True}
    # A secret with `content` would not work: Compose copies it into the container, whose root is
    # read-only.
    secret = {"name": name_secret_volume(plan.project), "external": True}
    return {"volumes": {"runs": runs, "secret": secret}}


def _build_store(plan: StackPlan, storage: RunStorage) -> dict[str, Any]:
    dragonfly = plan.dragonfly
    service: dict[str, Any] = {
        "image": dragonfly.image,
        "command": build_store_command(plan, STORE_FLAGS),
        **_build_hardening(dragonfly.container_memory_bytes.value),
        "tmpfs": [_SCRATCH.format("/tmp"), _SCRATCH.format("/data")],
        **_build_mounts(storage),
        "networks": list(_build_networks(plan)),
        "healthcheck": _build_store_healthcheck(dragonfly.image),
        "restart": "unless-stopped",
        "stop_grace_period": f"{STORE_STOP_SECONDS}s",
    }
    if (port := _find_published_port(plan)) is not None:
        service["ports"] = [f"127.0.0.1:{port}:{STORE_PORT}"]
    return service


def build_store_command(plan: StackPlan, flags_file: str) -> list[str]:
    """Return the command of the store's container, which reads the password from `flags_file`."""
    dragonfly = plan.dragonfly
    return [
        # The entrypoint of the distroless image is the program itself; that of the other image runs
        # its arguments.
        *([] if is_distroless(dragonfly.image) else ["dragonfly"]),
        "--logtostderr",
        f"--proactor_threads={dragonfly.proactor_threads.value}",
        f"--maxmemory={format_exact_size(dragonfly.maxmemory_bytes.value)}",
        f"--port={STORE_PORT}",
        "--force_epoll",
        "--dbfilename=",
        "--version_check=false",
        f"--flagfile={flags_file}",
    ]


def is_distroless(image: str) -> bool:
    """Return whether the tag names Dragonfly's distroless image, which has no shell (v1.38+)."""
    _, _, name = image.partition("@")[0].rpartition("/")
    return "distroless" in name.partition(":")[2]


def _build_store_healthcheck(image: str) -> dict[str, Any]:
    # The image's own check tests only nc's exit status, so an answer such as NOAUTH or LOADING
    # counts as healthy. The password is passed in the environment of only that command.
    ask = (
        f"REDISCLI_AUTH=$$(sed -n 's/^--requirepass=//p' {STORE_FLAGS}) "
        f"redis-cli -p {STORE_PORT} ping | grep -qx PONG"
    )
    test = ["CMD-SHELL", ask]
    if is_distroless(image):  # the image contains this program, but no shell
        test = ["CMD", "/usr/local/bin/httpcheck", f"http://localhost:{STORE_PORT}/healthz"]
    return {
        "test": test,
        "interval": "2s",
        "timeout": "5s",
        "retries": 15,
        "start_period": "5s",
    }


def _build_trainer(plan: StackPlan, storage: RunStorage) -> dict[str, Any]:
    run = f"{CONTAINER_RUNS}/{plan.train.run}"
    has_gpu = plan.trainer.device.value == "cuda"
    service: dict[str, Any] = {
        "image": TRAINER_IMAGE,
        "command": [
            *build_trainer_command(plan, CONTAINER_RUNS, _build_store_url(plan), STORE_FLAGS),
            *build_distributed_flags(plan.trainer),
        ],
        **_build_hardening(plan.trainer.container_memory_bytes.value),
        "tmpfs": [_SCRATCH.format("/tmp") + (_EXECUTABLE if has_gpu else "")],
        "environment": {"HOME": "/tmp"},
        **_build_mounts(storage, _build_run_mount(run, storage)),
        **_build_trainer_network(plan),
        "depends_on": {STORE: {"condition": "service_healthy"}},
        "healthcheck": {
            "test": ["CMD", "python", "-m", "qca.runs.health", run],
            "interval": "5s",
            "timeout": "5s",
            "retries": 3,
            "start_period": "120s",
        },
        "restart": f"on-failure:{TRAINER_RESTARTS}",
        "stop_grace_period": f"{TRAINER_STOP_SECONDS}s",
    }
    if has_gpu:
        service["deploy"] = _build_gpu_reservation(plan.trainer.gpus.value)
    if plan.trainer.gpus.value > 1:
        service["shm_size"] = SHARED_MEMORY
    return service


def _build_mounts(storage: RunStorage, *mounts: dict[str, Any]) -> dict[str, Any]:
    """Return a service's mounts, including the password file."""
    if storage.volume is None:
        return {**({"volumes": list(mounts)} if mounts else {}), "secrets": ["store_flags"]}
    secret = {"type": "volume", "source": "secret", "target": SECRETS, "read_only": True}
    return {"volumes": [*mounts, secret]}


def _build_run_mount(run: str, storage: RunStorage) -> dict[str, Any]:
    if storage.volume is not None:
        return {"type": "volume", "source": "runs", "target": CONTAINER_RUNS}
    # A folder that Docker creates would belong to root, and the trainer could not write to it.
    bind: dict[str, Any] = {"create_host_path": False}
    if storage.has_selinux:
        bind["selinux"] = "z"
    return {"type": "bind", "source": RUN_FOLDER, "target": run, "bind": bind}


def _build_trainer_network(plan: StackPlan) -> dict[str, Any]:
    # Trainers on several machines communicate through ports that they choose at startup.
    return {"network_mode": "host"} if plan.trainer.nnodes.value > 1 else {"networks": ["internal"]}


def _build_store_url(plan: StackPlan) -> str:
    if plan.trainer.nnodes.value > 1:
        return f"redis://127.0.0.1:{_find_published_port(plan)}"
    return f"redis://{STORE}:{STORE_PORT}"


def _find_published_port(plan: StackPlan) -> int | None:
    """Return the store's port on 127.0.0.1, which a trainer on the host's network uses; None if it
    is not published."""
    return plan.store_port.value or (STORE_PORT if plan.trainer.nnodes.value > 1 else None)


def _build_hardening(memory_bytes: int) -> dict[str, Any]:
    return {
        "user": USER,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": format_exact_size(memory_bytes),
        "pids_limit": PIDS_LIMIT,
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
    }


def _build_networks(plan: StackPlan) -> dict[str, Any]:
    networks: dict[str, Any] = {"internal": {"internal": True}}
    if _find_published_port(plan) is not None:
        networks["published"] = {}  # a port cannot be published on an internal network
    return networks


def _build_gpu_reservation(count: int) -> dict[str, Any]:
    device = {"driver": "nvidia", "count": count, "capabilities": ["gpu"]}
    return {"resources": {"reservations": {"devices": [device]}}}
