"""Identify `docker-compose` on PATH by its contents and output instead of its name."""

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

from infra.host.deadline import Deadline, Output
from infra.host.errors import ProbeError
from infra.host.facts import (
    ComposeV1,
    ComposeV1Bundle,
    DockerComposeFacts,
    NoDockerCompose,
    StandaloneCompose,
)
from infra.host.probes.compose import VERSION
from infra.host.probes.docker_compose import v1_libraries
from infra.host.probes.docker_compose.environment_python import find_environment_python
from infra.host.probes.docker_compose.launcher import (
    Binary,
    PythonScript,
    ShellScript,
    identify_launcher,
)

# "docker-compose version 1.29.2, build 5becea4c"; Debian's prints "build unknown".
_V1_VERSION = re.compile(r"docker-compose version (1\.\S+?),")


# The folder below the home folder where `qca doctor --fix` installs a Compose V1 with its own
# libraries.
OWN_V1 = ".local/share/qca/compose-v1"


def probe(deadline: Deadline) -> DockerComposeFacts:
    """Find `docker-compose` and examine it; run only `docker-compose version`."""
    found = shutil.which("docker-compose")
    if found is None:
        return NoDockerCompose()
    path = Path(found)
    match identify_launcher(path):
        case PythonScript(interpreter):
            return _examine_python_script(path, interpreter, deadline)
        case ShellScript(calls_plugin):
            return _examine_shell_script(path, calls_plugin, deadline)
        case Binary(pyinstaller):
            return _examine_binary(path, pyinstaller, deadline)


def _examine_python_script(
    path: Path, interpreter: tuple[str, ...], deadline: Deadline
) -> DockerComposeFacts:
    found = _examine_v1(path, interpreter, deadline)
    return replace(found, beside=_examine_own_v1(path, deadline))


def _examine_own_v1(path: Path, deadline: Deadline) -> ComposeV1 | None:
    """Examine the V1 that qca installed, unless it is the `docker-compose` on PATH."""
    own = Path.home() / OWN_V1 / "bin/docker-compose"
    try:
        if not own.exists() or own.samefile(path):
            return None
        own_launcher = identify_launcher(own)
        return (
            _examine_v1(own, own_launcher.interpreter, deadline)
            if isinstance(own_launcher, PythonScript)
            else None
        )
    except (ProbeError, OSError):
        return None


def _examine_v1(path: Path, interpreter: tuple[str, ...], deadline: Deadline) -> ComposeV1:
    answer = v1_libraries.ask_interpreter(path, interpreter, deadline)
    version = answer.compose_version or _parse_v1_version(path, _run_version(path, deadline))
    return ComposeV1(
        path=str(path),
        version=version,
        interpreter=answer.executable,
        python_version=answer.python_version,
        libraries=answer.libraries,
        users=answer.users,
        user_site=answer.user_site,
        virtual_environment=answer.virtual_environment,
        externally_managed=answer.externally_managed,
        user_only=answer.user_only,
        missing_modules=answer.missing_modules,
        environment_python=find_environment_python(
            Path(answer.executable), answer.python_version, os.get_exec_path()
        ),
    )


def _examine_shell_script(path: Path, calls_plugin: bool, deadline: Deadline) -> DockerComposeFacts:
    """Examine a shell script; run it only if all it does is call `docker compose`."""
    if not calls_plugin:
        raise ProbeError(
            f"{path} is a shell script that starts something other than `docker compose` (a "
            f"wrapper or a version manager's shim); qca does not guess what that is"
        )
    return _parse_modern(path, _run_version(path, deadline))


def _examine_binary(path: Path, pyinstaller: bool, deadline: Deadline) -> DockerComposeFacts:
    output = _run_version(path, deadline)
    if pyinstaller:
        return ComposeV1Bundle(path=str(path), version=_parse_v1_version(path, output))
    return _parse_modern(path, output)


def _run_version(path: Path, deadline: Deadline) -> Output:
    """Run `version`, which works without the daemon in every Compose, even in a broken V1."""
    return deadline.run([path, "version"])


def _parse_v1_version(path: Path, output: Output) -> str:
    match = _V1_VERSION.search(output.stdout)
    if match is None:
        raise ProbeError(f"{path} is not Docker's Compose: `version` printed {output.error_line!r}")
    return match[1]


def _parse_modern(path: Path, output: Output) -> StandaloneCompose:
    match = VERSION.search(output.stdout)
    if match is None:
        raise ProbeError(f"{path} is not Docker's Compose: `version` printed {output.error_line!r}")
    return StandaloneCompose(path=str(path), version=match[1])
