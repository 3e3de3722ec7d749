"""A small HTTP server on a Unix socket that answers as a Docker Engine would, or does not."""

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
    "CpuCfsQuota": False,
    "ServerVersion": "28.5.2",
}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answers: dict[str, Any]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the other side hangs up on a server that is too slow."""


class _Handler(BaseHTTPRequestHandler):
    client_address: tuple[str, int] = ("", 0)
    protocol_version = "HTTP/1.1"  # an engine keeps its connections, and the SDK's ssh needs that

    def do_GET(self) -> None:
        path = re.sub(r"^/v[\d.]+", "", self.path)
        answer = cast(_Server, self.server).answers.get(path, (404, {"message": "page not found"}))
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        if body == "hang":
            time.sleep(30)
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def engine_at(socket: Path, answers: dict[str, Any]) -> Iterator[None]:
    """Serve `answers` at `socket`: a path's body, or its status and body; "hang" never ends."""
    with _Server(str(socket), _Handler) as server:
        server.answers = answers
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
