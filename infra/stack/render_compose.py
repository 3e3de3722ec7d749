"""Write a Compose document as YAML, with the reason for each number in a comment above it."""

from collections.abc import Mapping
from typing import Any

from infra.stack.base_image import list_build_args
from infra.stack.commented_yaml import Path, dump_commented_yaml, format_head_comment
from infra.stack.comments import comment_store, comment_trainer
from infra.stack.compose_document import build_compose_document
from infra.stack.plan import StackPlan
from infra.stack.run_storage import RunStorage, name_secret_volume
from infra.stack.services import STORE, TRAINER

_HEADER = """\
Written by `qca render compose`; change the plan (qca.toml), not this file.

Set these variables in the environment, or in an `.env` file next to this one:
  QCA_TRAINER_IMAGE  the trainer image, built from the repository:
                     docker build -f Dockerfile.cuda -t qca-trainer \\
{build_args}                       .
{files}Then: docker compose -p {project} -f THIS_FILE up -d --wait store && \\
      docker compose -p {project} -f THIS_FILE up trainer
"""

_FILES_HERE = """\
  QCA_STORE_FLAGS    a file with the store's password, which keeps it off command lines:
                     (umask 077; echo "--requirepass=$(openssl rand -hex 32)" > store.flags)
  QCA_UID, QCA_GID   the owner of that file, who also runs both containers: `id -u`, `id -g`.
                     As root, use 999 for both, and: chown 999:999 store.flags
  QCA_RUN_FOLDER     the folder of the run, writable for that user: mkdir -p runs/{run}
"""

_FILES_ELSEWHERE = """\
  QCA_UID, QCA_GID   the user that runs both containers: `id -u`, `id -g`; as root, 999 for both.
The engine cannot access this machine's files, so the store's password goes into a volume there:
  echo "--requirepass=$(openssl rand -hex 32)" | docker run -i --rm -u 0 \\
    -v {secret}:/secret --entrypoint sh $QCA_TRAINER_IMAGE -c "umask 377 && \\
    cat > /secret/store_flags && chown $QCA_UID:$QCA_GID /secret/store_flags"
"""


def render_compose(plan: StackPlan, storage: RunStorage) -> str:
    """Return the Compose document of `plan` as YAML with comments."""
    content = build_compose_document(plan, storage)
    header = _HEADER.format(
        build_args=_format_build_args(plan),
        project=plan.project,
        files=_describe_files(plan, storage),
    )
    body = dump_commented_yaml(content, _collect_comments(plan, content))
    return f"{format_head_comment(header)}\n{body}"


def _describe_files(plan: StackPlan, storage: RunStorage) -> str:
    """Return instructions for the password and the run's folder, for a local or a remote engine."""
    if storage.volume is None:
        return _FILES_HERE.format(run=plan.train.run)
    return _FILES_ELSEWHERE.format(secret=name_secret_volume(plan.project))


def _format_build_args(plan: StackPlan) -> str:
    arguments = list_build_args(plan.trainer.base_image.value).items()
    return "".join(f"{'':23}--build-arg {key}={value} \\\n" for key, value in arguments)


def _collect_comments(plan: StackPlan, content: Mapping[str, Any]) -> dict[Path, str]:
    """Return the comments by the path of the value that they explain."""
    store: Path = ("services", STORE)
    trainer: Path = ("services", TRAINER)
    return {
        **comment_store(plan, (*store, "command"), content["services"][STORE]["command"]),
        **comment_trainer(plan, (*trainer, "command"), content["services"][TRAINER]["command"]),
        (*store, "mem_limit"): plan.dragonfly.container_memory_bytes.because,
        (*store, "healthcheck"): "the image's own check considers NOAUTH and LOADING healthy",
        (*trainer, "mem_limit"): plan.trainer.container_memory_bytes.because,
        (*trainer, "deploy"): plan.trainer.gpus.because,
        (*trainer, "shm_size"): "NCCL's buffers between the GPUs exceed Docker's default, 64 MiB",
        (*trainer, "network_mode"): "the trainers of several machines use ports that they "
        "choose at startup; on the host's network they reach the store by its port on "
        "127.0.0.1",
        (*trainer, "volumes"): "checkpoints and metrics, which outlive the containers",
        (*trainer, "userns_mode"): "with userns-remap, no user in the container could open "
        "the user's files",
        (*trainer, "restart"): "a finished training run exits with 0 and is not restarted",
        (*trainer, "stop_grace_period"): "on SIGTERM the trainer first writes a checkpoint",
        ("networks", "internal"): "neither the store nor the trainer needs outside access",
        ("volumes", "secret"): "the store's password file",
        ("volumes", "runs"): "on the engine's machine; `qca fetch RUN` copies a run from it",
    }
