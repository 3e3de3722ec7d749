"""QCA2xx: Compose V2 and Compose V1."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host.facts import (
    ComposeV1Bundle,
    HostFacts,
    StandaloneCompose,
)
from tests.support.hosts import (
    NO_PLUGIN,
    PLUGIN,
    compose_v1,
    engine,
    host,
    no_engine,
    one,
    seeds_laptop,
    user_installed,
)
from tests.support.verdicts import (
    COMPOSE,
    ERROR,
    INFO,
    LOCAL,
    OK,
    SKIPPED,
    WARNING,
    HostCase,
    assert_host_verdict,
    snap_host,
)


def _v1(
    docker: str = "5.0.3", requests: str = "2.28.1", urllib3: str = "1.26.12", **changes: Any
) -> HostFacts:
    return host(docker_compose=compose_v1(docker, requests, urllib3, **changes))


def _api(
    version: str, compose: str, client: str | None = "29.0.2", min_api_version: str | None = None
) -> HostFacts:
    plugin = replace(PLUGIN, version=compose, client_version=client)
    return host(docker=engine(version=version, min_api_version=min_api_version), compose=plugin)


def _fix_api(version: str) -> HostFacts:
    """Return a host with Engine 29.0 and DOCKER_API_VERSION."""
    found = engine(version="29.0.2", api_version="1.52", min_api_version="1.44")
    return host(docker=found, compose=replace(PLUGIN, fixed_api=version))


CASES = [
    # Compose.
    HostCase("QCA201", host(), OK, "2.40.3"),
    HostCase("QCA201", host(compose=NO_PLUGIN), WARNING, "trains on this machine"),
    HostCase("QCA201", host(compose=NO_PLUGIN), ERROR, "not installed", COMPOSE),
    HostCase("QCA201", host(compose=NO_PLUGIN, docker=no_engine("not-installed")), INFO),
    HostCase(
        "QCA201",
        replace(snap_host(), compose=host(compose=NO_PLUGIN).compose),
        ERROR,
        "not installed",
        COMPOSE,
    ),
    HostCase("QCA201", host(compose="hung"), SKIPPED, "hung"),
    HostCase("QCA202", host(), OK, "Compose V1 is not on PATH"),
    HostCase("QCA202", _v1(), INFO, "1.29.2"),
    HostCase("QCA202", seeds_laptop(), WARNING, "July 2023"),
    HostCase(
        "QCA202", host(docker_compose=ComposeV1Bundle(path="/usr/bin/d", version="1.29.2")), INFO
    ),
    HostCase(
        "QCA202", host(docker_compose=StandaloneCompose(path="/usr/bin/d", version="5.0.0")), OK
    ),
    HostCase("QCA202", host(docker_compose="denied"), SKIPPED, "denied"),
    HostCase("QCA203", host(), OK),
    HostCase("QCA203", _v1(), OK, "can talk to the daemon"),
    HostCase("QCA203", _v1(requests="2.32.5"), WARNING, "http+docker"),  # Compose V2 is installed
    HostCase("QCA203", seeds_laptop(), WARNING, "http+docker"),  # a local run needs no Compose
    HostCase("QCA203", seeds_laptop(), ERROR, "http+docker", COMPOSE),
    HostCase("QCA203", _v1(urllib3="2.5.0"), WARNING, "'chunked'"),
    HostCase("QCA203", _v1(docker="7.1.0"), WARNING, "'ssl_version'"),
    HostCase("QCA203", _v1(requests="2.25.1"), SKIPPED, "chardet"),
    HostCase("QCA203", _v1(requests="2.25.1", missing_modules=()), OK),
    HostCase("QCA203", _v1(requests="2.24.0", missing_modules=()), SKIPPED, "2.24.0"),
    HostCase("QCA203", _v1(missing_modules=()), OK),
    HostCase("QCA203", _v1(missing_modules=("chardet",)), WARNING, "cannot import chardet"),
    HostCase(
        "QCA203", _v1(missing_modules=("pipes", "distutils")), WARNING, "No module named 'pipes'"
    ),
    HostCase(
        "QCA203", host(docker_compose=ComposeV1Bundle(path="/usr/bin/d", version="1.29.2")), OK
    ),
    HostCase("QCA203", host(docker_compose="denied"), SKIPPED, "denied"),
    HostCase("QCA204", _v1(), WARNING, "ContainerConfig"),  # Engine 28
    HostCase("QCA204", seeds_laptop(), OK),  # Engine 24
    HostCase("QCA204", host(docker_compose="denied"), SKIPPED),
    HostCase("QCA205", host(), OK, "1.24 and newer"),
    HostCase("QCA205", _api("29.0.2", "2.5.0"), ERROR, "uses API 1.41 to 1.43", COMPOSE),
    HostCase("QCA205", _api("29.0.2", "2.23.3"), ERROR, "accepts 1.44 and newer", COMPOSE),
    HostCase("QCA205", _api("29.0.2", "2.24.0"), OK),
    HostCase("QCA205", _api("29.3.0", "2.5.0", "20.10.24+dfsg1"), OK, "1.40 and newer"),
    HostCase("QCA205", _api("29.3.0", "2.5.0", "18.9.1"), ERROR, "program 18.9.1", COMPOSE),
    HostCase("QCA205", _api("29.1.3", "5.6.1", "20.10.24+dfsg1"), ERROR, "uses API 1.41;"),
    HostCase("QCA205", _api("29.1.3", "5.6.1", None), SKIPPED, "was not recorded"),
    HostCase("QCA205", _api("20.10.24", "5.6.1", None), OK, "1.12 and newer"),
    # The daemon's configuration overrides the minimum of its release.
    HostCase("QCA205", _api("29.0.2", "2.5.0", min_api_version="1.24"), OK, "1.24 and newer"),
    HostCase("QCA205", _api("29.0.2", "2.5.0", min_api_version="1.42"), SKIPPED, "2.5.0"),
    HostCase("QCA205", _api("30.0.0", "5.6.1", min_api_version="1.50"), SKIPPED, "5.6.1"),
    HostCase("QCA205", _api("dev", "2.40.3"), SKIPPED, "Engine dev"),
    HostCase("QCA205", host(compose="hung"), SKIPPED, "hung"),
    # Run with Engine 20.10; swarmpit/agent 13, heckenmann/docker-swarm-dashboard 926.
    HostCase("QCA205", _fix_api("1.41"), ERROR, "Minimum supported API version is 1.44", COMPOSE),
    HostCase("QCA205", _fix_api("1.99"), ERROR, "Maximum supported API version is 1.52", COMPOSE),
    HostCase("QCA205", _fix_api("1.99"), WARNING, "DOCKER_API_VERSION=1.99", LOCAL),
    HostCase("QCA205", _fix_api("v1.44"), OK, "accepts API v1.44"),
    HostCase("QCA205", _fix_api("new"), SKIPPED, "DOCKER_API_VERSION=new"),
    HostCase("QCA205", _fix_api(""), OK, "1.44 and newer"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_host(case: HostCase):
    assert_host_verdict(case)


def test_the_finding_names_the_library_its_location_and_its_date():
    v1 = compose_v1("5.0.3", "2.28.1", "1.26.12")
    v1.libraries["requests"] = user_installed("2.32.5", over="2.28.1")

    message = one(host(docker_compose=v1), "QCA203").message

    assert "/usr/bin/python3 imports requests 2.32.5" in message
    assert "user site" in message
    assert "2025-11-28" in message


def test_a_library_that_v1_cannot_import_is_named():
    v1 = compose_v1("5.0.3", "2.28.1", "1.26.12")
    del v1.libraries["urllib3"]

    finding = one(host(docker_compose=v1), "QCA203")

    assert finding.severity is WARNING
    assert "cannot import urllib3" in finding.message


def test_errors_of_unix_sockets_are_not_predicted_for_tcp():
    remote = engine(host="tcp://10.0.0.7:2376")

    broken = compose_v1("5.0.3", "2.32.5", "2.5.0")
    assert one(host(docker=remote, docker_compose=broken), "QCA203").severity is SKIPPED
    docker_py_7 = compose_v1("7.1.0", "2.31.0", "2.5.0")
    assert one(host(docker=remote, docker_compose=docker_py_7), "QCA203").severity is WARNING


def test_compose_v2_is_offered_by_its_name():
    v1 = compose_v1("5.0.3", "2.32.5", "2.5.0")

    first = one(host(docker_compose=v1, compose=PLUGIN), "QCA203").remedies[0]

    assert first.commands == ("docker compose ps",)
