"""A Python with its own system site and user site: a simulated machine in one folder.

A virtual environment would not work: its own site precedes the user site, while on a user's machine
`pip install --user` precedes the distribution's packages.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Machine:
    """The folder of the machine, with methods to run programs as its user."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def python(self) -> Path:
        return self.folder / "bin/python3"

    @property
    def environment(self) -> dict[str, str]:
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "QCA_"))}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**outside, "HOME": str(self.home), "PATH": path}

    def run(
        self, *words: str | Path, folder: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in words],
            cwd=folder or self.home,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
        )

    def packages(self) -> dict[str, str]:
        """The installed packages by folder: the package lists of the system and of the user."""
        listed = {}
        for place in (self.folder / "lib", self.home):
            for record in sorted(place.rglob("*.dist-info")):
                listed[str(record.relative_to(self.folder))] = str(record.stat().st_mtime_ns)
        return listed


def make_machine(folder: Path, docker_compose: Path) -> Machine:
    """Copy the interpreter of a virtual environment's `docker-compose`, with its packages."""
    environment = docker_compose.parents[1]
    base, name = _base(environment / "bin/python3")
    machine = Machine(folder)
    library = folder / "lib" / name
    for made in (folder / "bin", library, machine.home):
        made.mkdir(parents=True)
    shutil.copy(base / "bin" / name, machine.python)
    for entry in (base / "lib" / name).iterdir():
        if entry.name not in ("site-packages", "dist-packages"):
            (library / entry.name).symlink_to(entry)
    (site,) = (environment / "lib").glob("python*/site-packages")
    shutil.copytree(site, library / "site-packages")
    script = docker_compose.read_text().splitlines()[1:]
    place = folder / "bin/docker-compose"
    place.write_text("\n".join([f"#!{machine.python}", *script, ""]))
    place.chmod(0o755)
    _insist_on_a_user_site(machine)
    return machine


def _base(python: Path) -> tuple[Path, str]:
    code = "import sys; print(sys.base_prefix); print('python%d.%d' % sys.version_info[:2])"
    base, name = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    return Path(base), name


def _insist_on_a_user_site(machine: Machine) -> None:
    code = "import site, sys; print(sys.prefix, site.ENABLE_USER_SITE, sys.path[-1])"
    done = machine.run(machine.python, "-c", code)
    prefix, enabled, last = (done.stdout.split() or ["", "", ""])[:3]
    if (prefix, enabled) != (str(machine.folder), "True") or not last.startswith(prefix):
        pytest.skip(f"this interpreter cannot be copied: {done.stdout}{done.stderr}")


def qca(
    machine: Machine, *words: str | Path, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `qca` from this checkout as the machine's user."""
    return machine.run(sys.executable, "-m", "qca", *words, folder=folder, **variables)
