"""Build images on those of the test bed, and remove them after the test."""

import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.testbed.fixtures import Engine

_numbers = itertools.count(1)


@contextmanager
def build_images(engine: Engine, folder: Path) -> Iterator[Callable[..., str]]:
    """Yield `build(base, "ENV A=b")`, which may copy from `folder` and returns the image's name."""
    names: list[str] = []

    def build(base: str, *lines: str) -> str:
        name = f"qca-test-{os.getpid()}:{next(_numbers)}"
        names.append(name)
        done = subprocess.run(
            ["docker", "build", "--quiet", "--tag", name, "--file", "-", str(folder)],
            env=engine.environment,
            input="\n".join((f"FROM {base}", *lines)),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return name

    try:
        yield build
    finally:
        if names:
            engine.run("image", "rm", "--force", *names, check=False)
