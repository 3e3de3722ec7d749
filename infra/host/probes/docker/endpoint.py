"""Resolve the address of the Docker Engine as the `docker` program does.

It uses DOCKER_HOST, then DOCKER_CONTEXT, then `currentContext` in config.json, then the default
socket (docker/cli cli/command/cli.go `resolveContextName`; an empty variable counts as unset, and
an unreadable config.json is ignored). From 7.2 on, docker-py also reads contexts, but without a
config.json it looks for them in the working folder.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.host.errors import ProbeError
from infra.host.facts import NoEngine
from infra.host.files import read_text
from qca.core.frozen import frozen_dataclass

DEFAULT_HOST = "unix:///var/run/docker.sock"
DEFAULT_CONTEXT = "default"
_PORTS = {False: 2375, True: 2376}  # assigned to docker by IANA, without and with TLS
_AUTHORITY = "ca.pem"
_SCHEMES = ("unix", "tcp", "ssh")  # what `docker` accepts outside of Windows


@frozen_dataclass
class Tls:
    """The folder with the certificates that `docker` reads: ca.pem, cert.pem, key.pem."""

    folder: Path
    verify: bool


@frozen_dataclass
class Endpoint:
    """The address of an engine, with a valid syntax."""

    host: str
    context: str
    tls: Tls | None = None

    @property
    def scheme(self) -> str:
        """`unix`, `tcp` or `ssh`."""
        return self.host.partition("://")[0]

    @property
    def socket(self) -> str:
        """Path of the Unix socket."""
        return self.host.removeprefix("unix://")

    @property
    def address(self) -> tuple[str, int]:
        """Host name and port of a TCP address."""
        parts = urlsplit(self.host)
        return parts.hostname or "localhost", parts.port or _PORTS[self.tls is not None]


def resolve_endpoint(environment: Mapping[str, str], home: Path) -> Endpoint | NoEngine:
    """Return the engine's address, or a `NoEngine` with the reason."""
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    host = environment.get("DOCKER_HOST")
    chosen = environment.get("DOCKER_CONTEXT") or _read_current_context(folder)
    if not host and chosen != DEFAULT_CONTEXT:
        return _read_context(chosen, folder)
    tls = _read_tls_settings(environment, folder)
    if tls is not None and not (tls.folder / _AUTHORITY).exists():
        return _refuse_certificates(tls)
    return _parse_host(host or DEFAULT_HOST, DEFAULT_CONTEXT, tls)


def _refuse_certificates(tls: Tls) -> NoEngine:
    """Return the error of `docker`, which needs the certificates for every kind of address."""
    variable = "DOCKER_TLS_VERIFY" if tls.verify else "DOCKER_TLS"
    detail = f"it is set, but there is no {tls.folder / _AUTHORITY}"
    return NoEngine(state="bad-host", host=variable, detail=detail)


def _parse_host(host: str, context: str, tls: Tls | None) -> Endpoint | NoEngine:
    """Complete and validate the address as `docker` does."""
    host = host.strip() if "://" in host else f"tcp://{host.strip()}"
    scheme, _, address = host.partition("://")
    if scheme not in _SCHEMES:
        return _refuse_host(host, f"{scheme}:// is not an address that docker supports")
    if scheme == "unix":
        return Endpoint(f"unix://{address}" if address else DEFAULT_HOST, context)
    try:
        parts = urlsplit(host)
        _ = parts.port  # reading the property validates it
    except ValueError as error:
        return _refuse_host(host, str(error))
    if scheme == "ssh" and not parts.hostname:
        return _refuse_host(host, "ssh:// needs a host name")
    return Endpoint(host, context, tls if scheme == "tcp" else None)


def _refuse_host(host: str, detail: str) -> NoEngine:
    return NoEngine(state="bad-host", host=host, detail=detail)


def _read_tls_settings(environment: Mapping[str, str], folder: Path) -> Tls | None:
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not verify and not environment.get("DOCKER_TLS"):
        return None
    return Tls(Path(environment.get("DOCKER_CERT_PATH") or folder), verify)


def _read_current_context(folder: Path) -> str:
    try:
        config = json.loads(read_text(folder / "config.json"))
        name = config.get("currentContext")
    except (ProbeError, ValueError, AttributeError, RecursionError):
        return DEFAULT_CONTEXT
    return name if isinstance(name, str) and name else DEFAULT_CONTEXT


def _read_context(context: str, folder: Path) -> Endpoint | NoEngine:
    import hashlib  # loads OpenSSL

    # docker/cli cli/context/store uses the SHA-256 of the context's name as the folder's name.
    digest = hashlib.sha256(context.encode()).hexdigest()
    try:
        meta = json.loads(read_text(folder / "contexts" / "meta" / digest / "meta.json"))
        docker: dict[str, Any] = meta["Endpoints"]["docker"]
        host, skip_verify = str(docker.get("Host") or ""), bool(docker.get("SkipTLSVerify"))
    except ProbeError as error:
        return _refuse_context(context, f"the context {context!r} does not exist: {error}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _refuse_context(context, f"the stored context {context!r} is invalid")
    certificates = folder / "contexts" / "tls" / digest / "docker"
    tls = Tls(certificates, not skip_verify) if certificates.is_dir() else None
    return _parse_host(host or DEFAULT_HOST, context, tls)


def _refuse_context(context: str, detail: str) -> NoEngine:
    return NoEngine(state="bad-context", host=f"context {context}", detail=detail)
