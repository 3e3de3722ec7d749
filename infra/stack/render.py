"""A Compose document as YAML for people: the reason for each number stands above it."""

import io
import textwrap
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from infra.stack.document import document
from infra.stack.plan import StackPlan
from infra.stack.trainer_plan import build_args
from qca.units import format_size

_WIDTH = 92

_HEADER = """\
Written by `qca render compose`; change the plan (qca.toml), not this file.

It needs three things of yours, given as variables or in an `.env` file beside this one:
  QCA_TRAINER_IMAGE  the trainer image, built from the repository:
                     docker build -f Dockerfile.cuda -t qca-trainer \\
{build_args}                       .
  QCA_STORE_FLAGS    a file with the store's password, which no command line shows:
                     (umask 077; echo "--requirepass=$(openssl rand -hex 32)" > store.flags)
  QCA_UID, QCA_GID   the owner of that file, as whom both containers run: `id -u`, `id -g`.
                     As root, take 999 for both and: chown 999:999 store.flags
Then: docker compose -p {project} -f THIS_FILE up -d --wait store && \\
      docker compose -p {project} -f THIS_FILE up trainer
"""

Path = tuple[str | int, ...]


def render_compose(plan: StackPlan) -> str:
    """Return the commented YAML of `plan`'s Compose document."""
    content = document(plan)
    commented = _commented(content, _comments(plan, content), ())
    header = _HEADER.format(build_args=_build_args(plan), project=plan.project)
    text = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    return f"{text}\n{_dump(commented)}"


def _build_args(plan: StackPlan) -> str:
    arguments = build_args(plan.trainer).items()
    return "".join(f"{'':23}--build-arg {key}={value} \\\n" for key, value in arguments)


def _dump(content: CommentedMap) -> str:
    yaml = YAML()
    yaml.width = 4096  # a folded string is the same string, but nobody can search for it
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(content, out)
    return out.getvalue()


def _comments(plan: StackPlan, content: Mapping[str, Any]) -> dict[Path, str]:
    """Return what to say above which place of the document."""
    because = {reason.for_: reason.because for reason in plan.reasons}
    store: Path = ("services", "store")
    trainer: Path = ("services", "trainer")
    command = (*store, "command")
    flags = content["services"]["store"]["command"]
    peak, context = plan.trainer.predicted_peak_bytes, plan.trainer.context_bytes
    return {
        _item(command, flags, "--proactor_threads"): because["dragonfly.proactor_threads"],
        _item(command, flags, "--maxmemory"): because["dragonfly.maxmemory_bytes"],
        _item(command, flags, "--dbfilename"): "no snapshots: the run folder holds every metric, "
        "and an empty store is filled again (empty turns them off: Dragonfly pull request 1117)",
        _item(command, flags, "--version_check"): "no daily call home",
        _item(command, flags, "--flagfile"): "holds --requirepass, so that neither "
        "`docker inspect` nor `ps` shows it",
        (*store, "mem_limit"): because["dragonfly.container_memory_bytes"],
        _item(command, flags, "--force_epoll"): "fast enough for a metrics store; io_uring needs "
        "`ulimits: memlock: -1`, which rootless and restricted engines refuse, and Docker's own "
        "seccomp profile blocks it since Engine 25",
        (*store, "healthcheck"): "the image's own check takes NOAUTH and LOADING for healthy",
        (*trainer, "command"): f"device: {because['trainer.device']}. "
        f"Profile {plan.trainer.profile}: {because['trainer.profile']}. "
        f"Recompute: {because['trainer.recompute']}. "
        f"Predicted peak {format_size(peak)}, beside {format_size(context)} of context.",
        (*trainer, "mem_limit"): because["trainer.container_memory_bytes"],
        (*trainer, "restart"): "a finished training exits with 0 and is not started again",
        (*trainer, "stop_grace_period"): "SIGTERM writes a checkpoint first",
        ("networks", "internal"): "no way out: neither the store nor the trainer needs one",
        ("volumes", "runs"): "checkpoints and metrics; outlives the containers",
    }


def _item(command: Path, flags: list[str], prefix: str) -> Path:
    return (*command, next(i for i, flag in enumerate(flags) if flag.startswith(prefix)))


def _commented(node: Any, comments: Mapping[Path, str], path: Path) -> Any:
    if isinstance(node, dict):
        mapping = CommentedMap()
        for key, value in node.items():
            mapping[key] = _commented(value, comments, (*path, key))
        for key in node:
            _comment_before(mapping, key, comments.get((*path, key)), path)
        return mapping
    if isinstance(node, list):
        sequence = CommentedSeq([_commented(v, comments, (*path, i)) for i, v in enumerate(node)])
        for index in range(len(node)):
            _comment_before(sequence, index, comments.get((*path, index)), path)
        return sequence
    return node


def _comment_before(
    node: CommentedMap | CommentedSeq, key: str | int, comment: str | None, path: Path
) -> None:
    if comment is None:
        return
    indent = 2 * len(path)
    text = "\n".join(_wrap(comment[0].upper() + comment[1:], _WIDTH - indent))
    node.yaml_set_comment_before_after_key(key, before=text, indent=indent)


def _wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text; a name such as `low-memory` stays whole."""
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
