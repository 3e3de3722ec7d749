"""Create the live probes' containers, networks and volumes on the engine, with one label."""

# docker-py has no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
import contextlib
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.host.errors import ProbeError, ProbeTimeoutError
from infra.host.facts import MISSING_BIND_SOURCE
from infra.stack.live.cleanup import make_labels, remove_all, remove_expired

if TYPE_CHECKING:
    from docker import APIClient

_POLL_SECONDS = 0.1
_LOG_LINES = 20
_LOG_CHARACTERS = 2000
_LOG_LIMITS = {"type": "json-file", "config": {"max-size": "10m", "max-file": "1"}}


class ContainerRefusedError(ProbeError):
    """The engine did not start a container; the message is the engine's."""


@dataclass(frozen=True, kw_only=True)
class ContainerRequest:
    """A container to start."""

    image: str
    command: Sequence[str]
    entrypoint: Sequence[str] | None = None
    """The entrypoint; empty to run the command directly, None for the image's entrypoint."""
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    healthcheck: Mapping[str, Any] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments of the SDK's `create_host_config`."""
    network: str = "none"
    aliases: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ContainerResult:
    """The result of running a container."""

    exit_code: int
    output: str
    """The end of its log."""
    seconds: float
    killed_for_memory: bool = False


class Sandbox:
    """Starts the containers of one `qca doctor --deep`; leaving the context removes the rest.

    Setting `stop` ends the current probe. Use the sandbox in its own thread, where no signal
    interrupts it before it has removed what it created.
    """

    def __init__(self, engine: "APIClient", stop: threading.Event) -> None:
        self.engine = engine
        self._stop = stop
        self._token = secrets.token_hex(8)

    def __enter__(self) -> "Sandbox":
        remove_expired(self.engine)
        return self

    def __exit__(self, *_: object) -> None:
        remove_all(self.engine, self._token)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that is created here."""
        return make_labels(self._token)

    def run(self, request: ContainerRequest, seconds: float) -> ContainerResult:
        """Run a container until it exits.

        Raises:
            ContainerRefusedError: the engine did not start it.
            ProbeTimeoutError: it did not exit in time.

        """
        started = time.monotonic()
        with self.start(request) as container:
            for state in self.watch(container, seconds):
                if state["Status"] in ("exited", "dead"):
                    return ContainerResult(
                        exit_code=state["ExitCode"],
                        output=self.read_log(container),
                        seconds=time.monotonic() - started,
                        killed_for_memory=state["OOMKilled"],
                    )
        raise ProbeTimeoutError(f"the container did not exit within {seconds:g} s")

    @contextlib.contextmanager
    def start(self, request: ContainerRequest) -> Generator[str]:
        """Start a container, yield its ID, and remove it at the end.

        Raises:
            ContainerRefusedError: the engine did not start it.

        """
        from docker.errors import APIError

        with self._make(request) as container:
            try:
                self.engine.start(container)
            except APIError as error:
                raise ContainerRefusedError(str(error.explanation or error)) from None
            yield container

    @contextlib.contextmanager
    def _make(self, request: ContainerRequest) -> Generator[str]:
        """Create a container, yield its ID, and remove it at the end."""
        from docker.errors import APIError

        self._refuse_stopped()
        try:
            container = self._create(request)
        except APIError as error:
            raise ContainerRefusedError(str(error.explanation or error)) from None
        try:
            yield container
        finally:
            with contextlib.suppress(APIError):  # leaving the sandbox retries
                self.engine.remove_container(container, v=True, force=True)

    def watch(self, container: str, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield a container's state repeatedly, for `seconds`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield self.engine.inspect_container(container)["State"]
            self._stop.wait(_POLL_SECONDS)
            self._refuse_stopped()

    def read_log(self, container: str) -> str:
        """Return the end of a container's log."""
        log = self.engine.logs(container, tail=_LOG_LINES)
        return log.decode(errors="replace").strip()[-_LOG_CHARACTERS:]

    def create_network(self) -> str:
        """Create an internal network like the stack's own; return its name."""
        name = f"qca-deep-{self._token}"
        self.engine.create_network(name, internal=True, labels=self.labels)
        return name

    def find_volume(self, name: str) -> str | None:
        """Return the volume's name if the engine has the volume, otherwise None."""
        from docker.errors import NotFound

        try:
            return str(self.engine.inspect_volume(name)["Name"])
        except NotFound:
            return None

    def create_volume(self) -> str:
        """Create a named volume; return its name."""
        name = f"qca-deep-{self._token}-{secrets.token_hex(4)}"
        self.engine.create_volume(name, labels=self.labels)
        return name

    def has_source(self, image: str, bind: Mapping[str, Any]) -> bool:
        """Return whether the engine has the source of a bind mount.

        This is tested with a container that is never started.

        Raises:
            ContainerRefusedError: the engine refused the container for another reason.

        """
        try:
            with self._make(_describe_unstarted(image, bind)):
                return True
        except ContainerRefusedError as error:
            if MISSING_BIND_SOURCE in str(error):
                return False
            raise

    def fill(self, image: str, mount: Mapping[str, Any], archive: bytes) -> None:
        """Unpack a tar archive into a volume, at its target in a container that is never started.

        Raises:
            ContainerRefusedError: the engine did not create the container.

        """
        with self._make(_describe_unstarted(image, mount)) as container:
            self.engine.put_archive(container, mount["Target"], archive)

    def _create(self, request: ContainerRequest) -> str:
        engine = self.engine
        limits = {"log_config": _LOG_LIMITS, **request.limits}
        networks = None
        if request.aliases:
            endpoint = engine.create_endpoint_config(aliases=list(request.aliases))
            networks = engine.create_networking_config({request.network: endpoint})
        return engine.create_container(
            request.image,
            list(request.command),
            entrypoint=None if request.entrypoint is None else list(request.entrypoint),
            user=request.user or None,
            environment=dict(request.environment),
            healthcheck=request.healthcheck,
            host_config=engine.create_host_config(network_mode=request.network, **limits),
            networking_config=networks,
            labels=self.labels,
        )["Id"]

    def _refuse_stopped(self) -> None:
        if self._stop.is_set():
            raise ProbeError("it was interrupted")


def _describe_unstarted(image: str, mount: Mapping[str, Any]) -> ContainerRequest:
    return ContainerRequest(image=image, command=["-"], limits={"mounts": [dict(mount)]})
