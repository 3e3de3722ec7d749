"""Predict from the versions of three libraries whether Compose V1 can talk to a daemon.

The measurements cover 125 combinations, with docker-compose 1.29.2 on Python 3.11 and Docker Engine
20.10 over its Unix socket (tests/doctor/analysis/data). Three rules explain them all, in this order
of precedence:

1. docker-py 7 removed `ssl_version`, which Compose V1 passes (docker-py issue 3194).
2. requests 2.32.0 selects connections by another method, which docker-py before 7.1 does not
   override, so urllib3 gets the internal scheme `http+docker` (docker-py issue 3256).
3. urllib3 2 passes `chunked`, which docker-py's Unix connection has accepted since 6.1.0.
"""

from qca.core.frozen import frozen_dataclass

# Requirements that satisfy all three rules without an old urllib3.
WORKING_PINS = ("docker>=6.1,<7", "requests<2.32")

_PREFIX = "Error while fetching server API version: "


@frozen_dataclass
class Works:
    """Compose V1 reaches the daemon."""


@frozen_dataclass
class Breaks:
    """Compose V1 fails with `error`."""

    error: str
    error_class: str
    because: str
    culprit: str
    """The library at fault: docker, requests or urllib3."""


@frozen_dataclass
class NotMeasured:
    """No rule covers these versions."""

    reason: str


Prediction = Works | Breaks | NotMeasured


def predict(
    docker_py: str, requests: str, urllib3: str, *, has_chardet: bool = False
) -> Prediction:
    """Return whether Compose V1 works with these versions over a Unix socket, or how it fails.

    `has_chardet` states whether chardet is known to be installed; only versions of requests
    before 2.26 need it.
    """
    from packaging.version import InvalidVersion, Version  # few hosts still have Compose V1

    try:
        docker, http, pool = (Version(text).release for text in (docker_py, requests, urllib3))
    except InvalidVersion as error:
        return NotMeasured(f"{error}")
    if docker >= (7,):
        return _break_by_ssl_version(docker_py)
    if http >= (2, 32):
        return _break_by_scheme(docker_py, requests)
    if docker < (6, 1) and pool >= (2,):
        return _break_by_chunked(docker_py, urllib3)
    if http < (2, 26) and not (has_chardet and http >= (2, 25)):
        return NotMeasured(f"requests {requests} (before 2.26) needs chardet")
    return Works()


def choose_pins(docker_py: str, requests: str, urllib3: str) -> tuple[str, ...]:
    """Return the smallest set of requirements with which Compose V1 works."""
    from packaging.version import Version

    docker, http = Version(docker_py).release, Version(requests).release
    pool = Version(urllib3).release
    pins: list[str] = []
    if docker >= (7,) or (docker < (6, 1) and pool >= (2,)):
        pins.append(WORKING_PINS[0])
    if http >= (2, 32):
        pins.append(WORKING_PINS[1])
    return tuple(pins)


def _break_by_ssl_version(docker_py: str) -> Breaks:
    return Breaks(
        error="kwargs_from_env() got an unexpected keyword argument 'ssl_version'",
        error_class="TypeError",
        because=f"Compose V1 passes `ssl_version`, which docker-py {docker_py} no longer accepts "
        "(removed in 7.0.0)",
        culprit="docker",
    )


def _break_by_scheme(docker_py: str, requests: str) -> Breaks:
    return Breaks(
        error=_PREFIX + "Not supported URL scheme http+docker",
        error_class="docker.errors.DockerException",
        because=f"requests 2.32 and later (here {requests}) no longer get their connection from "
        f"docker-py (here {docker_py}), and no version of urllib3 supports docker-py's URL "
        "scheme",
        culprit="requests",
    )


def _break_by_chunked(docker_py: str, urllib3: str) -> Breaks:
    return Breaks(
        error=_PREFIX + "HTTPConnection.request() got an unexpected keyword argument 'chunked'",
        error_class="docker.errors.DockerException",
        because=f"urllib3 {urllib3} passes `chunked`, which docker-py {docker_py} (before 6.1.0) "
        "does not accept",
        culprit="urllib3",
    )
