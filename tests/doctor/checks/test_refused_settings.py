"""QCA711: settings that Compose accepts and the engine refuses."""

import pytest

from infra.doctor.examine import examine, select
from infra.host.facts import HostFacts
from tests.support.hosts import compose_file, config, engine, host, no_engine
from tests.support.verdicts import ERROR, INFO, OK, SKIPPED, WARNING, judge_file

INTERVAL = "services: {a: {image: redis, healthcheck: {test: ls, start_interval: 1s}}}\n"
NO_ENGINE = host(docker=no_engine("not-running"))


@pytest.mark.parametrize(
    ("service", "severity", "says"),
    [
        ("image: redis:8.2", OK, ""),
        ("image: ghcr.io/MyTeam/app", ERROR, "Service a: the image 'ghcr.io/MyTeam/app'"),
        ("image: redis, sysctls: {vm.overcommit_memory: 1}", ERROR, "applies to the whole host"),
        ("image: redis, profiles: [x], working_dir: app", INFO, "only with profile x"),
        ("extends: {file: missing.yml, service: db}", SKIPPED, "was not read"),
    ],
)
def test_verdict(tmp_path, service, severity, says):
    finding = judge_file(tmp_path, "QCA711", f"services: {{a: {{{service}}}}}\n")

    assert finding.severity is severity
    assert says in finding.message


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        (host(docker=engine(version="24.0.7")), ERROR),
        (host(docker=engine(version="25.0.0")), OK),
        (NO_ENGINE, SKIPPED),
        (host(docker="hung"), SKIPPED),
    ],
)
def test_start_interval_depends_on_the_engine(tmp_path, facts, severity):
    """Compose refuses it for an older engine (run with Engine 20.10 and Compose 2.40)."""
    assert judge_file(tmp_path, "QCA711", INTERVAL, facts).severity is severity


REMAPPED = host(docker=engine(security_options=("name=seccomp,profile=builtin", "name=userns")))


@pytest.mark.parametrize(
    ("service", "facts", "severity"),
    [
        # buildkite/elastic-ci-stack-for-aws 538, crazy-max/docker-fail2ban 96
        ("privileged: true", REMAPPED, ERROR),
        ("network_mode: host", REMAPPED, ERROR),
        ("privileged: true, userns_mode: host", REMAPPED, OK),
        ("network_mode: bridge, privileged: false", REMAPPED, OK),
        ("privileged: true", host(), OK),
        ("privileged: true", NO_ENGINE, OK),
    ],
)
def test_an_engine_that_maps_users_refuses_the_hosts_namespaces(tmp_path, service, facts, severity):
    text = f"services: {{a: {{image: redis, {service}}}}}\n"

    assert judge_file(tmp_path, "QCA711", text, facts).severity is severity


OVERLAY = "services: {a: {image: redis, networks: [n]}}\nnetworks: {n: {driver: overlay%s}}\n"


def _in_swarm(role: str | None) -> HostFacts:
    return host(docker=engine(swarm_role=role))


@pytest.mark.parametrize(
    ("text", "facts", "severity"),
    [
        # Engine 20.10: This node is not a swarm manager.
        (OVERLAY % "", _in_swarm("none"), ERROR),
        (OVERLAY % "", _in_swarm("worker"), ERROR),
        (OVERLAY % "", _in_swarm("manager"), OK),
        (OVERLAY % "", _in_swarm(None), SKIPPED),
        (OVERLAY % "", NO_ENGINE, SKIPPED),
        (OVERLAY % "", host(docker="hung"), SKIPPED),
        (OVERLAY % ", external: true", _in_swarm("none"), OK),
        (OVERLAY.replace("networks: [n]", "") % "", _in_swarm("none"), OK),
        (OVERLAY.replace("overlay", "bridge") % "", _in_swarm("none"), OK),
    ],
)
def test_only_a_manager_of_a_swarm_creates_overlay_networks(tmp_path, text, facts, severity):
    assert judge_file(tmp_path, "QCA711", text, facts).severity is severity


IPV6 = "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {enable_ipv6: true%s}}\n"
SUBNET = ", ipam: {config: [{subnet: %s}]}"
SUBPATH = (
    "services: {a: {image: x, volumes: [{type: volume, source: models, target: /m, "
    "volume: {subpath: v2}}]}}\nvolumes: {models: {}}\n"
)


def _at_release(version: str, *, podman: bool = False) -> HostFacts:
    return host(
        docker=engine(version=version, components={"Podman Engine": version} if podman else {})
    )


@pytest.mark.parametrize(
    ("text", "facts", "severity", "says"),
    [
        # Engine 20.10 assigns no IPv6 subnet, and mounts the whole volume.
        (IPV6 % "", _at_release("20.10.24"), WARNING, "non-overlapping IPv6 address pool"),
        (IPV6 % SUBNET % "10.9.0.0/24", _at_release("26.1.5"), WARNING, "Network n: "),
        (IPV6 % SUBNET % "'fd00:9::/64'", _at_release("20.10.24"), OK, ""),
        (IPV6 % "", _at_release("27.0.1"), OK, ""),
        (IPV6 % ", external: true", _at_release("20.10.24"), OK, ""),
        (IPV6 % ", driver: macvlan", _at_release("20.10.24"), OK, ""),
        (IPV6.replace("networks: [n]", "") % "", _at_release("20.10.24"), OK, ""),
        (SUBPATH, _at_release("25.0.3"), WARNING, "Engine 25.0.3 mounts the whole volume"),
        (SUBPATH, _at_release("26.0.0"), OK, ""),
        (SUBPATH, _at_release("5.4.2", podman=True), SKIPPED, "Docker Engine 26"),
        (SUBPATH, NO_ENGINE, SKIPPED, "Cannot determine whether this engine supports it"),
    ],
)
def test_what_an_older_engine_does_not_do_is_reported(tmp_path, text, facts, severity, says):
    finding = judge_file(tmp_path, "QCA711", text, facts)

    assert finding.severity is severity, finding.message
    assert says in finding.message


@pytest.mark.parametrize(
    ("driver", "severity"),
    [("loki", SKIPPED), ("json-file", OK), ("journald", OK), ("none", OK)],
)
def test_a_log_driver_of_a_plugin_is_unknown(tmp_path, driver, severity):
    """Run with Engine 20.10: plugin "loki" not found; an engine does not list such plugins."""
    text = f"services: {{a: {{image: redis, logging: {{driver: {driver}}}}}}}\n"

    assert judge_file(tmp_path, "QCA711", text).severity is severity


DORMANT = ", profiles: [debug]"


@pytest.mark.parametrize(
    ("a", "b", "severities"),
    [("", "", [ERROR]), ("", DORMANT, [ERROR]), (DORMANT, DORMANT, [INFO])],
)
def test_a_network_is_reported_once_for_all_its_services(tmp_path, a, b, severities):
    text = (
        f"services:\n  a: {{image: redis, networks: [n]{a}}}\n"
        f"  b: {{image: redis, networks: [n]{b}}}\n"
        "networks:\n  n: {ipam: {config: [{subnet: 172.28.8.0}]}}\n"
    )
    file = compose_file(tmp_path, text)

    found = examine(host(), config(), files=[file], checks=select({"QCA711"}, ()))
    faults = [finding for finding in found if finding.severity is not OK]

    assert [finding.severity for finding in faults] == severities
    assert faults[0].message.startswith("Network n: the subnet 172.28.8.0 is not valid.")
    assert faults[0].location is not None
    assert faults[0].location.line == 5
