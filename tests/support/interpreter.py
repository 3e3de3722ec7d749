"""A temporary Python with its own folders, and fake distributions."""

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
    """A Python with an empty site-packages, which also uses the user site."""

    prefix: Path
    site_packages: Path
    """Debian's Python uses `dist-packages`."""

    @property
    def executable(self) -> Path:
        return self.prefix / "bin" / _VERSION

    @property
    def library(self) -> Path:
        return self.prefix / "lib" / _VERSION


def make_interpreter(prefix: Path) -> Interpreter:
    """Copy the program and link the standard library, so that `prefix` is its home.

    A virtual environment would hide the user site, which is the subject of the tests.
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
    """Return the user site of this Python with PYTHONUSERBASE=`base`."""
    return base / "lib" / _VERSION / "site-packages"


def install(
    folder: Path, name: str, version: str, requires: Iterable[str] = (), *, kind: str = "dist-info"
) -> None:
    """Write the metadata of pip (`dist-info`) or distutils (`egg-info`, a file), and a module.

    The module raises an error on import, because nothing may import it.
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
