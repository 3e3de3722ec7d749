"""The distribution that this code is installed from, and what its extras need.

The command and the packages are called `qca`; the distribution is not: that name belongs to other
people on PyPI, and a hint such as `pip install 'qca[report]'` could install theirs.
"""

import shlex
import sys

DISTRIBUTION = "qca-trainer"


def read_version() -> str:
    """Return the version of this installation."""
    from importlib.metadata import version  # slow to import, and not every command needs it

    return version(DISTRIBUTION)


def explain_install(extra: str) -> str:
    """Return the command that installs what this Python lacks of an extra.

    It names the requirements themselves, never this distribution: the copy that runs may come from
    a checkout or a wheel.
    """
    wanted = [f"{name}{specifier}" for name, specifier in _find_missing(extra).items()]
    if not wanted:  # all is recorded as installed, and some of it cannot be imported
        return f"Reinstall the extra {extra!r} of {DISTRIBUTION}, the way it was installed."
    # -P: a `pip.py` in the folder that the command is pasted in is not run.
    command = [sys.executable, "-P", "-m", "pip", "install", *wanted]
    return f"Run: {shlex.join(command)}"


def _find_missing(extra: str) -> dict[str, str]:
    """Return the requirements of an extra that are not installed, with their versions."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    missing = {}
    for requirement in map(Requirement, requires(DISTRIBUTION) or ()):
        if requirement.marker is None or not requirement.marker.evaluate({"extra": extra}):
            continue
        try:
            version(requirement.name)
        except PackageNotFoundError:
            missing[requirement.name] = str(requirement.specifier)
    return missing
