"""A throw-away Python with folders of its own, and distributions that only pretend."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_SAYS_ITS_VERSION = {"docker": "version.py", "requests": "__version__.py", "urllib3": "_version.py"}


@dataclass(frozen=True)
class Interpreter:
    """A Python whose site-packages are empty, and which looks into the user site."""

    prefix: Path
    site_packages: Path
    """Debian's Python looks into `dist-packages`."""

    @property
    def executable(self) -> Path:
        return self.prefix / "bin" / _VERSION

    @property
    def library(self) -> Path:
        return self.prefix / "lib" / _VERSION


def make_interpreter(prefix: Path) -> Interpreter:
    """Copy the program and link the standard library: it takes `prefix` for its home.

    A virtual environment would not do: it hides the user site, which is what the tests
    are about.
    """
    executable, library = prefix / "bin" / _VERSION, prefix / "lib" / _VERSION
    executable.parent.mkdir(parents=True)
    library.mkdir(parents=True)
    shutil.copy2(Path(sys.executable).resolve(), executable)
    for entry in Path(sysconfig.get_path("stdlib")).iterdir():
        if entry.name not in ("site-packages", "dist-packages", "EXTERNALLY-MANAGED"):
            (library / entry.name).symlink_to(entry)
    question = "import site, sys; print(sys.prefix, site.getsitepackages()[0], sep='\\n')"
    done = subprocess.run([executable, "-c", question], capture_output=True, text=True, check=True)
    found, site_packages = map(Path, done.stdout.splitlines())
    assert found == prefix, done.stdout
    site_packages.mkdir(parents=True, exist_ok=True)
    return Interpreter(prefix, site_packages)


def user_site(base: Path) -> Path:
    """Return the user site of such a Python under PYTHONUSERBASE=`base`."""
    return base / "lib" / _VERSION / "site-packages"


def install(
    folder: Path, name: str, version: str, requires: Iterable[str] = (), *, kind: str = "dist-info"
) -> None:
    """Write what pip (`dist-info`) or distutils (`egg-info`, a file) leaves, and a module.

    The module fails when it is imported: nothing may import it.
    """
    module = {"PyYAML": "yaml", "docker-compose": "compose"}.get(name, name.replace("-", "_"))
    package = folder / module
    package.mkdir(parents=True, exist_ok=True)
    package.joinpath("__init__.py").write_text(f"raise RuntimeError('{name} was imported')\n")
    package.joinpath(_SAYS_ITS_VERSION.get(module, "about.py")).write_text(
        f'__version__ = version = "{version}"\n'
    )
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    record = folder / f"{name.replace('-', '_')}-{version}.{kind}"
    if kind == "egg-info":
        record.write_text(metadata)
    else:
        record.mkdir()
        record.joinpath("METADATA").write_text(metadata + "\nA description.\n")
