"""An image registry for a test, on 127.0.0.1, for which an engine requires no certificate.

It implements the requests of `docker push` and `docker pull` (OCI Distribution Specification), in
memory.
"""

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stored: dict[str, bytes]

    def do_GET(self) -> None:
        content = self._find()
        self._answer(404 if content is None else 200, content=content or b"")
        self.wfile.write(content or b"")

    def do_HEAD(self) -> None:
        content = self._find()
        self._answer(404 if content is None else 200, content=content or b"")

    def _find(self) -> bytes | None:
        """Return a manifest by tag or digest, or a blob; a non-empty answer for the base URL."""
        return b"{}" if self.path == "/v2/" else self.stored.get(self.path.rpartition("/")[2])

    def do_POST(self) -> None:
        self._answer(202, location=f"{self.path.rstrip('/')}/{uuid.uuid4()}")

    def do_PATCH(self) -> None:
        self.stored[self.path] = self.stored.get(self.path, b"") + self._body()
        received = len(self.stored[self.path])
        self._answer(202, location=self.path, received=f"0-{received - 1}")

    def do_PUT(self) -> None:
        upload = self.path.partition("?")[0]
        content = self.stored.pop(upload, b"") + self._body()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.stored[digest] = self.stored[upload.rpartition("/")[2]] = content
        self._answer(201, digest=digest, location=re.sub(r"uploads/.*", digest, upload))

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _answer(
        self,
        status: int,
        *,
        digest: str = "",
        location: str = "",
        received: str = "",
        content: bytes = b"",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if content:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if "/manifests/" in self.path and content:
            self.send_header("Content-Type", json.loads(content)["mediaType"])
        headers = {"Docker-Content-Digest": digest, "Location": location, "Range": received}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        pass


@contextmanager
def registry() -> Iterator[str]:
    """Yield the `HOST:PORT` of a new, empty registry, and stop it afterwards."""
    handler = type("Registry", (_Registry,), {"stored": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
