"""What `docker-compose` on PATH is, judged by its content and its output, not by its name."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from infra.host.deadline import Deadline, Output, ProbeError
from infra.host.facts.host import (
    ComposeV1,
    ComposeV1Bundle,
    DockerComposeFacts,
    NoDockerCompose,
    StandaloneCompose,
)
from infra.host.probes import compose_v1
from infra.host.probes.compose import VERSION
from infra.host.probes.launcher import Binary, PythonScript, ShellScript, launcher

# "docker-compose version 1.29.2, build 5becea4c"; Debian's says "build unknown".
_V1_VERSION = re.compile(r"docker-compose version (1\.\S+?),")


# Where `qca doctor --fix` puts a Compose V1 with libraries of its own, under the home folder.
OWN_V1 = ".local/share/qca/compose-v1"


def probe(limit: Deadline) -> DockerComposeFacts:
    """Find `docker-compose` and examine it. Only `docker-compose version` is ever run."""
    found = shutil.which("docker-compose")
    if found is None:
        return NoDockerCompose()
    path = Path(found)
    match launcher(path):
        case PythonScript(interpreter):
            return _python(path, interpreter, limit)
        case ShellScript(calls_plugin):
            return _shell(path, calls_plugin, limit)
        case Binary(pyinstaller):
            return _binary(path, pyinstaller, limit)


def _python(path: Path, interpreter: tuple[str, ...], limit: Deadline) -> DockerComposeFacts:
    found = _v1(path, interpreter, limit)
    return replace(found, beside=_beside(path, limit))


def _beside(path: Path, limit: Deadline) -> ComposeV1 | None:
    """Examine the V1 that qca set up, where `docker-compose` on PATH is another."""
    own = Path.home() / OWN_V1 / "bin/docker-compose"
    try:
        if not own.exists() or own.samefile(path):
            return None
        how = launcher(own)
        return _v1(own, how.interpreter, limit) if isinstance(how, PythonScript) else None
    except (ProbeError, OSError):
        return None


def _v1(path: Path, interpreter: tuple[str, ...], limit: Deadline) -> ComposeV1:
    answer = compose_v1.ask(path, interpreter, limit)
    version = answer.compose_version or _v1_version(path, _version(path, limit))
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
    )


def _shell(path: Path, calls_plugin: bool, limit: Deadline) -> DockerComposeFacts:
    """A script that only calls `docker compose` can be asked; another could do anything."""
    if not calls_plugin:
        raise ProbeError(
            f"{path} is a shell script that starts something else (a wrapper or a version "
            "manager's shim); what it starts was not guessed"
        )
    return _modern(path, _version(path, limit))


def _binary(path: Path, pyinstaller: bool, limit: Deadline) -> DockerComposeFacts:
    output = _version(path, limit)
    if pyinstaller:
        return ComposeV1Bundle(path=str(path), version=_v1_version(path, output))
    return _modern(path, output)


def _version(path: Path, limit: Deadline) -> Output:
    """Ask for the version. No Compose asks the daemon for that, V1 not even when broken."""
    return limit.run([path, "version"])


def _v1_version(path: Path, output: Output) -> str:
    match = _V1_VERSION.search(output.stdout)
    if match is None:
        raise ProbeError(f"{path} is not Docker's Compose: `version` says {output.error_line!r}")
    return match[1]


def _modern(path: Path, output: Output) -> StandaloneCompose:
    match = VERSION.search(output.stdout)
    if match is None:
        raise ProbeError(f"{path} is not Docker's Compose: `version` says {output.error_line!r}")
    return StandaloneCompose(path=str(path), version=match[1])
