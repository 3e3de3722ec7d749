"""A small HTTP server on a Unix socket that imitates a Docker Engine, or a hanging one."""

import json
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

VERSION: dict[str, Any] = {
    "Version": "28.5.2",
    "ApiVersion": "1.51",
    "MinAPIVersion": "1.24",
    "Arch": "amd64",
    "Components": [{"Name": "Engine", "Version": "28.5.2"}, {"Name": "runc", "Version": "1.3.3"}],
}
INFO: dict[str, Any] = {
    "OperatingSystem": "Debian GNU/Linux 13 (trixie)",
    "OSType": "linux",
    "Architecture": "x86_64",
    "NCPU": 16,
    "MemTotal": 33_000_000_000,
    "CgroupVersion": "2",
    "Runtimes": {"runc": {}, "nvidia": {}},
    "DefaultRuntime": "runc",
    "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
    "DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}],
    "DockerRootDir": "/var/lib/docker",
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"],
    "Driver": "overlay2",
    "MemoryLimit": True,
    "Warnings": ["WARNING: No swap limit support"],
    "CpuCfsQuota": False,
    "PidsLimit": True,
    "ServerVersion": "28.5.2",
}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answers: dict[str, Any]
    min_api: str
    newest_api: str

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: clients disconnect from a server that is too slow."""


class _Handler(BaseHTTPRequestHandler):
    client_address: tuple[str, int] = ("", 0)
    protocol_version = "HTTP/1.1"  # an engine keeps connections open, which the SDK's ssh needs

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = cast(_Server, self.server)
        version = "".join(re.findall(r"^/v([\d.]+)", self.path))
        path = re.sub(r"^/v[\d.]+", "", self.path)
        answer = server.answers.get(path, (404, {"message": "page not found"}))
        if version and _to_numbers(version) < _to_numbers(server.min_api):
            words = f"client version {version} is too old. Minimum supported API version is "
            answer = (400, {"message": f"{words}{server.min_api}, please upgrade your client"})
        elif version and _to_numbers(version) > _to_numbers(server.newest_api):
            words = f"client version {version} is too new. Maximum supported API version is "
            answer = (400, {"message": f"{words}{server.newest_api}"})
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        if body == "hang":
            time.sleep(30)
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("API-Version", server.newest_api)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Do nothing."""


def _to_numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@contextmanager
def engine_at(
    socket: Path, answers: dict[str, Any], min_api: str = "1.0", newest_api: str = "1.99"
) -> Iterator[None]:
    """Serve `answers` at `socket`: a path's body, or status and body; "hang" never answers.

    Requests with an API version before `min_api` or after `newest_api` get the error of a real
    engine.
    """
    with _Server(str(socket), _Handler) as server:
        server.answers, server.min_api, server.newest_api = answers, min_api, newest_api
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
