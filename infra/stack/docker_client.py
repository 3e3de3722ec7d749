"""Connect to Docker: the engine's API, `docker compose`, and Docker's error messages.

The engine is queried through the Docker SDK; Compose and the `docker` program run through
python-on-whales. Each library takes half a second to import, so it is imported at its first use.
"""

import contextlib
import functools
import os
import subprocess
import threading
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from infra.host.facts import NoEngine
from infra.host.probes.docker.endpoint import Endpoint, Tls, resolve_endpoint
from infra.stack.state import StateFolder
from qca.core.diagnostics import log_command, log_time
from qca.core.errors import LaunchError

if TYPE_CHECKING:
    from docker import APIClient
    from docker.tls import TLSConfig
    from python_on_whales import DockerClient
    from python_on_whales.exceptions import DockerException

_HINT = "`qca doctor` examines Docker and Compose."
_SSH_HINT = "Try `docker version`; it also needs ssh, and `docker` on the remote machine."

# An engine on a busy laptop answers within a second.
_ENGINE_SECONDS = 30
# A registry may take this long to report the size of a large download.
_COMMAND_SECONDS = 15.0


def make_stack_client(state: StateFolder, project: str) -> "DockerClient":
    """Return a client for the stack that `qca up` has just written to this state folder."""
    from python_on_whales import DockerClient

    return DockerClient(
        compose_files=[state.compose_file],
        compose_project_name=project,
        compose_project_directory=state.root,
    )


def make_project_client(project: str) -> "DockerClient":
    """Return a client that knows only a stack's project name, to inspect its containers.

    It reads no Compose file, since the state folder may come from a clone whose Compose file
    includes files of another machine. Compose reads `.env` from the project directory, which is
    therefore set to `/`.
    """
    from python_on_whales import DockerClient

    return DockerClient(compose_project_name=project, compose_project_directory="/")


@contextlib.contextmanager
def connect_engine() -> Generator["APIClient"]:
    """Connect the SDK to the engine that the `docker` program would use.

    The SDK's own `from_env` knows DOCKER_HOST but no contexts, so this uses the endpoint of
    `infra.host`.

    Raises:
        LaunchError: there is no engine, it does not answer, or it refuses a request.

    """
    from docker.errors import DockerException as SdkError
    from requests.exceptions import RequestException

    endpoint = resolve_endpoint(os.environ, _find_home())
    if isinstance(endpoint, NoEngine):
        raise LaunchError(f"{endpoint.host}: {endpoint.detail}", hint=_HINT)
    try:
        with contextlib.closing(_open_client(endpoint)) as client:
            yield client
    except (SdkError, RequestException) as error:
        raise LaunchError(
            f"the Docker Engine at {endpoint.host}: {_describe_sdk_error(error)}",
            hint=_SSH_HINT if endpoint.scheme == "ssh" else _HINT,
        ) from None


def preload_sdk() -> None:
    """Import the SDK in the background, while the probes wait for other programs."""
    threading.Thread(target=_import_sdk, name="docker", daemon=True).start()


def _import_sdk() -> None:
    with contextlib.suppress(ImportError):  # the first use reports the error
        import_module("docker")


def _find_home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user ID without an account, and no HOME
        hint = "Set HOME to a folder; Docker looks there for its configuration."
        raise LaunchError("this user has no home folder", hint=hint) from None


def _open_client(endpoint: Endpoint) -> "APIClient":
    """Return a client that uses the engine's own API version."""
    return _make_client(endpoint, _ask_api_version(endpoint))


@functools.cache
def _ask_api_version(endpoint: Endpoint) -> str:
    """Return the engine's API version; a failure is not cached."""
    from docker.constants import DEFAULT_DOCKER_API_VERSION

    with (
        log_time(f"the Docker Engine at {endpoint.host}"),
        contextlib.closing(_make_client(endpoint, DEFAULT_DOCKER_API_VERSION)) as client,
    ):
        version = client.version(api_version=False).get("ApiVersion")
    return version or DEFAULT_DOCKER_API_VERSION


def _make_client(endpoint: Endpoint, version: str) -> "APIClient":
    from docker import APIClient

    tls = _build_tls_config(endpoint.tls) if endpoint.tls else False
    # Like `docker`, use the system's ssh, which knows ~/.ssh/config and the ssh-agent.
    client = APIClient(
        endpoint.host, version=version, timeout=_ENGINE_SECONDS, tls=tls, use_ssh_client=True
    )
    # REQUESTS_CA_BUNDLE would override the endpoint's own certificates.
    client.trust_env = False
    return client


def _build_tls_config(tls: Tls) -> "TLSConfig":
    from docker.tls import TLSConfig

    certificate, key, authority = (tls.folder / f"{name}.pem" for name in ("cert", "key", "ca"))
    return TLSConfig(
        client_cert=(str(certificate), str(key)) if certificate.exists() else None,
        ca_cert=str(authority) if authority.exists() else None,
        verify=tls.verify,
    )


def _describe_sdk_error(error: BaseException) -> str:
    """Return the engine's message, or the system's if the engine could not be reached."""
    from docker.errors import APIError

    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


def run_docker(*arguments: str) -> str | None:
    """Return what `docker ARGUMENTS` prints; None if it fails or takes too long."""
    command = ["docker", *arguments]
    try:
        with log_command(command) as run:
            done = subprocess.run(
                command,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
            run.exit_code = done.returncode
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@contextlib.contextmanager
def translate_errors(hint: str = _HINT) -> Generator[None]:
    """Raise Docker's errors as LaunchError, with Docker's own message and `hint`."""
    from python_on_whales.exceptions import DockerException

    try:
        yield
    except DockerException as error:
        raise LaunchError(error_text(error), hint=hint) from None


def error_text(error: "DockerException") -> str:
    """Return what docker wrote to stderr, or the error itself.

    Without the Compose plugin, docker complains about the first flag after `compose`, which does
    not reveal the cause.
    """
    text = (error.stderr or str(error)).strip()
    if "compose" in error.docker_command and "Run 'docker --help'" in text:
        return "this docker client has no Compose V2 plugin (qca explain QCA201)"
    return text
