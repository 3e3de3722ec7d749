"""The distribution that this code is installed from, and the requirements of its extras.

The command and the packages are called `qca`, but the distribution is not: on PyPI that name
belongs to another project, so a hint such as `pip install 'qca[report]'` could install the wrong
one.
"""

import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager

from qca.core.errors import LaunchError

DISTRIBUTION = "qca-trainer"
_OWN_PACKAGES = ("qca", "infra")

# Without this index, pip installs torch from PyPI, which on Linux is a CUDA build of several GB.
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def read_version() -> str:
    """Return the version of this installation."""
    from importlib.metadata import version  # slow to import, and not every command needs it

    return version(DISTRIBUTION)


@contextmanager
def require_extra(extra: str, purpose: str) -> Generator[None]:
    """Report a package that the block cannot import as a missing extra.

    Raises:
        LaunchError: the package is not installed; the message starts with `purpose`, the hint says
            how to install the extra.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "a package").partition(".")[0]
        if package in _OWN_PACKAGES:  # a defect of qca
            raise
        raise LaunchError(
            f"{purpose} needs the extra `{extra}`: {package} is not installed",
            hint=explain_install(extra),
        ) from None


def explain_install(extra: str) -> str:
    """Return a hint with the command that installs the missing requirements of an extra.

    It names the requirements themselves, never this distribution, which may be installed from a
    checkout or a wheel.
    """
    wanted = [f"{name}{specifier}" for name, specifier in _find_missing(extra).items()]
    if not wanted:  # all are installed according to their metadata, but one cannot be imported
        return f"Reinstall the extra {extra!r} of {DISTRIBUTION} the way you installed it."
    # -P: do not run a `pip.py` in the current folder.
    command = [sys.executable, "-P", "-m", "pip", "install", *wanted]
    hint = f"Run: {shlex.join(command)}"
    if any(requirement.startswith("torch") for requirement in wanted):
        hint += f"\n  Without an NVIDIA GPU, add: --extra-index-url {CPU_TORCH_INDEX}"
    return hint


def _find_missing(extra: str) -> dict[str, str]:
    """Return the requirements of an extra that are not installed, with their version ranges."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    missing: dict[str, str] = {}
    for requirement in map(Requirement, requires(DISTRIBUTION) or ()):
        if requirement.marker is None or not requirement.marker.evaluate({"extra": extra}):
            continue
        try:
            version(requirement.name)
        except PackageNotFoundError:
            missing[requirement.name] = str(requirement.specifier)
    return missing
