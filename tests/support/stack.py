"""A folder with a tiny training configuration, and its resources on the real engine."""

import itertools
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.stack.image import compute_image_name, list_context, make_context
from tests.support.forks import Forked
from tests.support.program import Endless, Program, checkpoints, episodes, write_config
from tests.testbed.fixtures import Engine

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Stack:
    """A Compose project: its folder, its program, its containers."""

    engine: Engine
    folder: Path
    project: str
    qca: Program
    before: Mapping[str, set[str]]
    """The resources that the engine had before it."""

    def up(self, *words: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `qca up` with containers to completion."""
        return self.qca("up", "--runtime", "compose", *words, **options)

    def list_leftovers(self) -> dict[str, set[str]]:
        """Return the new resources on the engine, without those of other projects."""
        now = self.engine.inventory(self.project)
        return {
            kind: {name for name in now[kind] - names if not self._is_of_others(name)}
            for kind, names in self.before.items()
        }

    def _is_of_others(self, name: str) -> bool:
        """Return whether it belongs to another test that is using the same engine."""
        return name.startswith("qca-test-") and not name.startswith(self.project)

    def inspect(self, service: str) -> dict[str, Any]:
        """Return the output of `docker inspect` for a service's container."""
        return json.loads(self.engine.run("inspect", f"{self.project}-{service}-1").stdout)[0]

    def run_inside(self, service: str, *command: str) -> str:
        """Return the output of a command in a service's container."""
        return self.engine.run("exec", f"{self.project}-{service}-1", *command).stdout

    def password(self) -> str:
        """The store's password."""
        flags = (self.folder / ".qca" / "first" / "store.flags").read_text().strip()
        return flags.removeprefix("--requirepass=")

    def read_stream(self, run: str = "first") -> list[dict[str, Any]]:
        """Return the records in the store's stream, read from inside its container."""
        script = (
            "REDISCLI_AUTH=$(sed -n 's/^--requirepass=//p' /run/secrets/store_flags) "
            f"redis-cli --json xrange qca:{run}:metrics - +"
        )
        entries = json.loads(self.run_inside("store", "sh", "-c", script))
        return [json.loads(fields[1]) for _, fields in entries]

    def list_checkpoints(self, run: str = "first") -> list[int]:
        """Return the episodes of a run's checkpoints."""
        return checkpoints(self.qca, run)

    def metrics(self, run: str = "first") -> list[int]:
        """Return the episodes in a run's metrics."""
        return episodes(self.qca, run)


@contextmanager
def new_stack(
    engine: Engine, folder: Path, variables: Mapping[str, str], **settings: object
) -> Iterator[Stack]:
    """Yield a stack with a unique name, and finally restore the engine to its previous state."""
    project = f"qca-test-{os.getpid()}-{next(_numbers)}"
    folder.mkdir(exist_ok=True)
    write_config(folder, {"project": project, **settings})
    program = Forked(folder, {**engine.variables, **variables})
    try:
        yield Stack(engine, folder, project, program, engine.inventory())
    finally:
        remove_project(engine, project)


def trainer_image(engine: Engine, settings: Mapping[str, str]) -> str:
    """Return the name of the image that `qca up` would build, and build it if it is missing."""
    arguments = {"BASE_IMAGE": settings["QCA_STACK_BASE_IMAGE"]}
    bundle = settings.get("QCA_STACK_CA_BUNDLE")
    name = compute_image_name(list_context(), arguments)
    if engine.run("image", "inspect", name, check=False).returncode != 0:
        with tempfile.TemporaryDirectory() as folder:
            make_context(Path(folder), Path(bundle) if bundle else None)
            given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
            file = f"{folder}/Dockerfile.cuda"
            engine.run("build", "-q", "-f", file, "-t", name, *given, folder, timeout=280)
    return name


def remove_project(engine: Engine, project: str) -> None:
    """Remove everything with the project's label that a test left behind."""
    label = f"label=com.docker.compose.project={project}"
    for kind in ("container", "network", "volume"):
        shown = ["--all"] if kind == "container" else []
        found = engine.run(kind, "ls", "--quiet", *shown, "--filter", label).stdout.split()
        if found:
            force = [] if kind == "network" else ["--force"]
            engine.run(kind, "rm", *force, *found)


class Training(Endless):
    """A stack whose run never ends by itself, and is restarted if a test has stopped it."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack.qca, "up", "--runtime", "compose")
        self.stack = stack
