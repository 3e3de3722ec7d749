"""QCA1xx: the Docker engine."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host.facts import Engine, HostFacts, require
from tests.support.hosts import (
    PLUGIN,
    engine,
    host,
    judge,
    no_engine,
)
from tests.support.verdicts import (
    COMPOSE,
    ERROR,
    INFO,
    LOCAL,
    OK,
    SKIPPED,
    SNAP_CLIENT,
    WARNING,
    HostCase,
    assert_host_verdict,
    snap_host,
)


def _helpers(missing: tuple[str, ...] | None) -> HostFacts:
    return host(compose=replace(PLUGIN, missing_credential_helpers=missing))


def _run_on(daemon: str | None, kernel: str) -> HostFacts:
    """Return a host whose engine's daemon and kernel have these architectures."""
    return host(docker=engine(daemon_architecture=daemon, architecture=kernel))


def _with_modules(found: Any, *, in_container: bool = False, **facts: Any) -> HostFacts:
    system = replace(require(host().system), kernel_modules=found, in_container=in_container)
    return host(system=system, **facts)


def rootless_engine(cgroup_version: str = "2", cgroup_driver: str | None = "systemd") -> Engine:
    """Return a rootless engine that cannot limit CPUs."""
    return engine(
        limits_cpu=False,
        security_options=("name=rootless",),
        cgroup_version=cgroup_version,
        cgroup_driver=cgroup_driver,
    )


def _warn(*warnings: str) -> HostFacts:
    return host(docker=engine(warnings=warnings))


CASES = [
    HostCase("QCA105", _helpers(()), OK, "are installed", COMPOSE),
    HostCase("QCA105", _helpers(("docker-credential-desktop",)), WARNING, "-desktop", COMPOSE),
    HostCase("QCA105", _helpers(None), SKIPPED, "not be valid JSON", COMPOSE),
    # Without an engine, qca plans a local run, and nothing is an error.
    HostCase("QCA101", host(), OK, "28.5.2 answers"),
    HostCase("QCA101", host(docker=no_engine("not-installed")), INFO, "not installed"),
    HostCase("QCA101", host(docker=no_engine("not-running")), WARNING, "not running"),
    HostCase("QCA101", host(docker=no_engine("not-installed")), ERROR, "not installed", COMPOSE),
    HostCase("QCA101", host(docker=no_engine("not-running")), ERROR, "not running", COMPOSE),
    HostCase(
        "QCA101", host(docker=no_engine("no-permission")), ERROR, "not allowed to connect", COMPOSE
    ),
    HostCase(
        "QCA101", host(docker=no_engine("bad-host")), ERROR, "is not a Docker Engine", COMPOSE
    ),
    HostCase(
        "QCA101",
        host(docker=replace(no_engine("bad-host"), host="tcp://x:1")),
        ERROR,
        "DOCKER_HOST",
        COMPOSE,
    ),
    HostCase("QCA101", host(docker=no_engine("bad-context")), ERROR, "context", COMPOSE),
    HostCase("QCA101", host(docker=no_engine("no-answer")), ERROR, "did not answer", COMPOSE),
    HostCase("QCA101", host(docker="no time left"), SKIPPED, "no time left"),
    HostCase("QCA102", host(), OK),
    HostCase("QCA102", host(docker=engine(limits_memory=False)), WARNING, "memory controller"),
    HostCase("QCA102", host(docker=engine(limits_cpu=False)), WARNING, "CONFIG_CFS_BANDWIDTH"),
    HostCase("QCA102", host(docker=rootless_engine()), WARNING, "systemd delegates"),
    HostCase("QCA102", host(docker=rootless_engine(cgroup_version="1")), WARNING, "uses v1"),
    HostCase("QCA102", host(docker=rootless_engine(cgroup_driver="none")), WARNING, "is none"),
    HostCase("QCA102", host(docker=engine(limits_cpu=None)), SKIPPED, "does not report that"),
    HostCase("QCA102", host(docker="hung"), SKIPPED, "hung"),
    HostCase("QCA106", host(), OK, "reports no warnings"),
    HostCase("QCA106", _warn("WARNING: No swap limit support"), OK, "reports no warnings"),
    HostCase("QCA106", host(docker=engine(limits_pids=False)), WARNING, "the stack's `pids_limit`"),
    HostCase(
        "QCA106", _warn("WARNING: No pids limit support"), WARNING, "the stack's `pids_limit`"
    ),
    HostCase("QCA106", host(docker=engine(limits_pids=None)), SKIPPED, "number of a container's"),
    HostCase("QCA106", host(docker=engine(limits_pids=False)), OK, "no warnings", LOCAL),
    # moby/moby 47966
    HostCase("QCA106", _warn("WARNING: IPv4 forwarding is disabled"), WARNING, "no connection"),
    HostCase(
        "QCA106",
        _warn("[DEPRECATION NOTICE]: API is accessible on http://0.0.0.0:2375 without encryption."),
        WARNING,
        "can become root",
    ),
    HostCase(
        "QCA106", _warn("WARNING: bridge-nf-call-iptables is disabled"), INFO, "on one network"
    ),
    HostCase("QCA106", _warn("WARNING: something new\n  happened"), INFO, "something new happened"),
    HostCase("QCA106", host(docker=engine(warnings=None)), SKIPPED, "were not recorded"),
    HostCase("QCA106", host(docker="hung"), SKIPPED, "hung"),
    HostCase("QCA107", _with_modules("present"), OK, "on the disk"),
    HostCase("QCA107", _with_modules("built-in"), OK, "uses no modules"),
    # moby/moby 27426, docker/cli 2528
    HostCase("QCA107", _with_modules("missing"), WARNING, "Reboot the host"),
    HostCase("QCA107", _with_modules(None), SKIPPED, "not found, or not recorded"),
    HostCase(
        "QCA107",
        _with_modules(None, in_container=True),
        SKIPPED,
        "they are not visible in a container",
    ),
    HostCase("QCA107", host(docker="hung"), SKIPPED, "hung"),
    HostCase("QCA107", host(system="hidden"), SKIPPED, "hidden"),
    HostCase("QCA107", _with_modules("missing", docker=no_engine("not-running")), WARNING),
    HostCase("QCA103", host(), OK),
    HostCase("QCA103", host(docker=engine(os_type="windows")), ERROR, "Linux containers"),
    HostCase("QCA103", host(docker=engine(components={"Podman Engine": "5.4.0"})), INFO, "Podman"),
    HostCase("QCA103", host(docker=engine(os_type="")), SKIPPED, "does not report that"),
    HostCase("QCA103", _run_on("arm", "armv7l"), ERROR, "Use an engine on another machine"),
    HostCase("QCA103", _run_on("386", "i686"), ERROR, "images for 386", COMPOSE),
    HostCase("QCA103", _run_on("riscv64", "riscv64"), WARNING, "images for riscv64", LOCAL),
    # Olen/solar-monitor 92, alexjustesen/speedtest-tracker 2022
    HostCase("QCA103", _run_on("arm", "aarch64"), ERROR, "Install a 64-bit operating system"),
    HostCase("QCA103", _run_on("arm64", "aarch64"), OK),
    HostCase("QCA103", _run_on(None, "aarch64"), OK),
    HostCase("QCA103", _run_on(None, "armv6l"), ERROR, "images for armv6l"),
    HostCase("QCA103", _run_on(None, ""), SKIPPED, "does not report that"),
    HostCase("QCA103", host(docker="hung"), SKIPPED),
    HostCase("QCA104", host(), OK, "not from a snap"),
    HostCase("QCA104", snap_host(), ERROR, "no-new-privileges", COMPOSE),
    HostCase("QCA104", snap_host(), WARNING, "no-new-privileges", LOCAL),
    HostCase("QCA104", snap_host(version="29.3.1"), WARNING, "may have fixed this", COMPOSE),
    HostCase("QCA104", snap_host(security_options=()), OK, "does not affect the stack", COMPOSE),
    HostCase("QCA104", snap_host("/srv/qca", security_options=()), ERROR, "/srv/qca", COMPOSE),
    HostCase(
        "QCA104", snap_host("/home/USER/.qca", security_options=()), ERROR, "not hidden", COMPOSE
    ),
    HostCase(
        "QCA104", snap_host("/root", security_options=()), OK, "does not affect the stack", COMPOSE
    ),
    HostCase("QCA104", snap_host("", security_options=()), SKIPPED, "its path is unknown", COMPOSE),
    HostCase("QCA104", host(compose=SNAP_CLIENT), ERROR, "/work", COMPOSE),
    HostCase("QCA104", host(docker=no_engine("not-running")), OK),
    HostCase("QCA104", host(docker="hung"), SKIPPED, "hung"),
]


@pytest.mark.parametrize(
    "docker",
    [
        engine(host="ssh://user@remote"),
        engine(operating_system="Docker Desktop"),
        no_engine("not-installed"),
        replace(no_engine("not-running"), host="tcp://x:1"),
    ],
)
def test_the_kernel_of_a_host_without_containers_is_not_judged(docker):
    assert judge(_with_modules("missing", docker=docker), "QCA107") == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_host(case: HostCase):
    assert_host_verdict(case)
