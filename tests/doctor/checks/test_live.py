"""QCAx9x: results of the containers that `qca doctor --deep` starts."""

from typing import Any

import pytest

from infra.doctor.checks import CHECKS
from infra.doctor.examine import examine
from infra.doctor.finding import Severity
from infra.host.facts import (
    FolderMount,
    GpuRun,
    HostFacts,
    NameLookup,
    StoreRun,
    VolumeWrite,
)
from tests.support.hosts import config, driver, engine, gpu, host, judge
from tests.support.verdicts import (
    COMPOSE,
    CUDA,
    ERROR,
    INFO,
    LOCAL,
    OK,
    SKIPPED,
    WARNING,
    HostCase,
    assert_host_verdict,
)

NO_SOURCE = 'invalid mount config for type "bind": bind source path does not exist: /x'


def lookup(found: bool | None, network: Any = "stack", detail: str = "") -> HostFacts:
    name = "store" if network == "stack" else "pypi.org"
    return host(live_lookups=(NameLookup(name=name, network=network, found=found, detail=detail),))


def mount(fault: Any, detail: str = "") -> HostFacts:
    mounted = FolderMount(image="store:1", user="1000:1000", fault=fault, detail=detail)
    return host(live_mount=mounted)


def write(written: bool | None, **changes: Any) -> HostFacts:
    values: dict[str, Any] = {
        "service": "trainer",
        "target": "/runs",
        "kind": "volume",
        "user": "1000:1000",
        "written": written,
        "detail": "" if written else "Permission denied",
    }
    return host(live_volumes=(VolumeWrite(**{**values, **changes}),))


def store(outcome: Any, **changes: Any) -> HostFacts:
    return host(live_store=StoreRun(image="store:1", seconds=2.5, outcome=outcome, **changes))


def run_gpu(failed_at: Any, detail: str = "its own words", **changes: Any) -> HostFacts:
    run = GpuRun(image="torch:1", seconds=3, failed_at=failed_at, detail=detail, **changes)
    return host(live_gpu=run, gpu=driver(gpu()), docker=engine(runtimes=("nvidia", "runc")))


SELECTED = 'could not select device driver "nvidia" with capabilities: [[gpu]]'

CASES = [
    HostCase("QCA191", lookup(True), OK, "can look up store"),
    HostCase("QCA191", lookup(False, detail="no answer"), ERROR, "no answer", COMPOSE),
    HostCase("QCA191", lookup(False), WARNING, "cannot look up store", LOCAL),
    HostCase("QCA191", lookup(False, "default"), WARNING, "This host can look it up", COMPOSE),
    HostCase("QCA191", lookup(None, "default", "nor does the host"), SKIPPED, "nor does the host"),
    HostCase("QCA191", host(live_lookups="no engine"), SKIPPED, "no engine"),
    HostCase("QCA192", mount(None), OK, "can read and write in this folder as 1000:1000"),
    HostCase("QCA192", mount("unreadable", "denied"), ERROR, "cannot read", COMPOSE),
    HostCase("QCA192", mount("unwritable", "denied"), ERROR, "denied", COMPOSE),
    HostCase("QCA192", mount("unwritable"), WARNING, "cannot write", LOCAL),
    HostCase("QCA192", mount("elsewhere"), ERROR, "do not appear on this machine", COMPOSE),
    HostCase("QCA192", mount("refused", NO_SOURCE), INFO, "in a volume", COMPOSE),
    HostCase("QCA192", mount("refused", "path is not shared"), ERROR, "not shared", COMPOSE),
    HostCase("QCA192", host(live_mount="no shell"), SKIPPED, "no shell"),
    HostCase("QCA193", write(True), OK, "User 1000:1000 can write to /runs of trainer"),
    HostCase("QCA193", write(False), ERROR, "Permission denied", COMPOSE),
    HostCase("QCA193", write(False, kind="tmpfs", target="/tmp"), WARNING, "runc", COMPOSE),
    HostCase(
        "QCA193",
        write(False, kind="tmpfs", service="store", target="/data"),
        INFO,
        "writes nothing there",
        COMPOSE,
    ),
    HostCase("QCA193", write(None, detail="no image"), SKIPPED, "no image"),
    HostCase("QCA193", host(live_volumes="no shell"), SKIPPED, "no shell"),
    HostCase("QCA391", store("healthy"), OK, "healthy 2.5 s after its start"),
    HostCase("QCA391", store("refused", detail="no such mount"), ERROR, "no such mount", COMPOSE),
    HostCase("QCA391", store("exited", exit_code=1, detail="F: 4 GiB"), ERROR, "F: 4 GiB", COMPOSE),
    HostCase("QCA391", store("exited", exit_code=1), WARNING, "exited with code 1", LOCAL),
    HostCase("QCA391", store("exited", killed_for_memory=True), ERROR, "memory limit", COMPOSE),
    HostCase("QCA391", store("unhealthy", detail="LOADING"), ERROR, "LOADING", COMPOSE),
    HostCase("QCA391", host(live_store="not started: the answer was no"), SKIPPED, "was no"),
    HostCase("QCA491", run_gpu(None, device="A40", computed_by="torch 2"), OK, "A40 with torch 2"),
    HostCase("QCA491", run_gpu("start", SELECTED), ERROR, SELECTED, COMPOSE, CUDA),
    HostCase("QCA491", run_gpu("init", code=999), WARNING, "cannot be initialized", LOCAL),
    HostCase("QCA491", run_gpu("program", "it hangs"), ERROR, "did not respond", COMPOSE, CUDA),
    HostCase("QCA491", host(live_gpu="no GPU here"), SKIPPED, "no GPU here"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_verdict(case: HostCase):
    assert_host_verdict(case)


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        (run_gpu("start", SELECTED), "sudo apt-get install -y nvidia-container-toolkit"),
        (run_gpu("start", "CDI device injection failed: x"), "nvidia-ctk cdi generate"),
        (run_gpu("start", "unheard of"), ""),
        (run_gpu("library", "libcuda.so.1: cannot open"), "nvidia-ctk cdi generate"),
        (run_gpu("init", "CUDA_ERROR_UNKNOWN", code=999), "sudo modprobe nvidia_uvm"),
        (run_gpu("init", "SYSTEM_NOT_READY", code=802), "systemctl start nvidia-fabricmanager"),
        (run_gpu("context", "OUT_OF_MEMORY", code=2), "nvidia-smi"),
        (run_gpu("memory", "CUDA out of memory"), "nvidia-smi"),
        (run_gpu("kernel", "no kernel image is available"), "qca doctor --only QCA403"),
        (run_gpu("result", "3 of 256 products are wrong"), "dmesg"),
        (run_gpu("program", "exit code 139"), ""),
    ],
)
def test_the_remedy_matches_the_failed_step(facts: HostFacts, command: str):
    (finding,) = judge(facts, "QCA491", train=CUDA, stack=COMPOSE)
    commands = [line for remedy in finding.remedies[:2] for line in remedy.commands]

    assert any(command in line for line in commands) or not command


def test_unrequested_probes_are_not_checked():
    deep = {check.id for check in CHECKS if check.live_facts}

    findings = examine(host(), config())

    assert deep == {"QCA191", "QCA192", "QCA193", "QCA391", "QCA491"}
    assert not deep.intersection(finding.id for finding in findings)


def test_an_unknown_result_of_a_probe_never_passes():
    findings = judge(host(live_gpu="not started"), "QCA491")

    assert [finding.severity for finding in findings] == [Severity.SKIPPED]
