"""Recognize why a `docker` command failed, from its output, and say what to do next."""

import re
from collections.abc import Iterable, Sequence

from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class Cause:
    """A cause of a failure, as its output shows it, and the next step."""

    pattern: str
    hint: str


@frozen_dataclass
class Failure:
    """The line of an output that shows the cause, and the next step."""

    line: str
    hint: str


# BuildKit's number of the step, and the seconds since it started.
_STEP = re.compile(r"^(#\d+ )?(\d+\.\d+ )?\s*(ERROR: )?")

_PIP = (
    Cause(
        "CERTIFICATE_VERIFY_FAILED",
        "pip does not trust the certificate of its index. Behind a proxy that re-signs "
        "certificates, set stack.ca_bundle in qca.toml, or pass --ca-bundle FILE.",
    ),
    Cause(
        "NameResolutionError|Temporary failure in name resolution",
        "pip runs in a container and could not look up its index there: `qca doctor --deep` "
        "examines that.",
    ),
)

STARTING = (
    Cause(
        "port is already allocated|address already in use",
        "Another container or program has the port: choose another one with --store-port, or leave "
        "it out, since the trainer does not need it.",
    ),
)
"""The reasons why Compose does not start the stack."""


def list_image_causes(option: str) -> tuple[Cause, ...]:
    """Return the possible reasons why an image is not available; `option` selects another image."""
    another = f"{option} selects another image"
    return (
        Cause(
            "no space left on device",
            "Free space on the engine's disk: `docker system df` shows what uses it.",
        ),
        *_PIP,
        Cause(
            "no such host|server misbehaving",
            f"The engine cannot look up the registry: check the image's name and the network; "
            f"{another}.",
        ),
        Cause(
            "x509:",
            "The engine does not trust the registry's certificate: install the proxy's or the "
            "registry's CA certificate where the engine runs, and restart it.",
        ),
        Cause(
            "pull access denied|manifest unknown|manifest for .* not found|unauthorized"
            "|/[^ ]+: not found$",
            f"The registry has no such image, or requires `docker login`: check the name; "
            f"{another}.",
        ),
        Cause("toomanyrequests", "Wait, or log in with `docker login`, which raises the limit."),
        Cause(
            "connection refused|network is unreachable|[Tt]imeout|context deadline exceeded",
            f"The registry did not answer: check the network and the engine's proxy settings; "
            f"{another}.",
        ),
    )


def find_failure(output: Sequence[str], causes: Iterable[Cause]) -> Failure | None:
    """Return the first cause that the output shows, or None."""
    for cause in causes:
        for line in output:
            if re.search(cause.pattern, line):
                return Failure(line=_STEP.sub("", line), hint=cause.hint)
    return None
