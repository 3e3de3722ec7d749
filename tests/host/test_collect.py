"""All probes run in parallel; one that fails, exits or hangs does not affect the others."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import fields
from pathlib import Path

import pytest

from infra.host.collect import Probe, collect, list_probes, start_probes, wait_for_facts
from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import LIVE_FACTS, CpuFacts, HostFacts, Known, NoEngine, Unknown
from infra.host.probes import cpu, gpu, listeners

# infra.stack.live determines the facts of live probes.
PROBES = {field.name for field in fields(HostFacts)} - {"schema_version", "about", *LIVE_FACTS}


def run(probe: Callable[[], object], *, timeout: float = 5) -> Known | Unknown:
    """Run a probe in place of the CPU's."""
    probes = {"cpu": Probe("reading the CPU count and limits", probe)}
    deadline, results = Deadline(timeout), {"cpu": Future[object]()}
    start_probes(probes, results)
    return wait_for_facts(probes, results, deadline)["cpu"]


def fail_with(error: BaseException) -> Callable[[], object]:
    def probe() -> object:
        raise error

    return probe


def test_the_result_of_a_probe_is_known() -> None:
    facts = CpuFacts(online=1, affinity=1, cgroup_quota=None)
    assert run(lambda: facts) == Known(value=facts)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ProbeError("the file /x could not be read: Permission denied"),
            "the file /x could not be",
        ),
        (
            PermissionError(13, "Permission denied"),
            "CPU count and limits failed: Permission denied",
        ),
        (ZeroDivisionError("division by zero"), "failed: ZeroDivisionError: division by zero"),
        (TimeoutError("slow"), "failed: TimeoutError: slow"),
        (MemoryError(), "failed: MemoryError"),
        (SystemExit(1), "failed: RuntimeError: SystemExit: 1"),
        (KeyboardInterrupt(), "failed: RuntimeError: KeyboardInterrupt"),
    ],
)
def test_any_exception_of_a_probe_becomes_unknown(error: BaseException, reason: str) -> None:
    fact = run(fail_with(error))
    assert isinstance(fact, Unknown)
    assert reason in fact.reason


def test_a_probe_that_hangs_becomes_unknown_after_the_deadline() -> None:
    began = time.monotonic()
    fact = run(lambda: time.sleep(20), timeout=0.2)
    assert isinstance(fact, Unknown)
    assert fact.reason == "reading the CPU count and limits did not answer within 0.2 s"
    assert time.monotonic() - began < 1


def test_several_hanging_probes_share_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    for probe in (cpu, gpu, listeners):
        monkeypatch.setattr(probe, "probe", lambda *_: time.sleep(20))
    began = time.monotonic()
    facts = collect(timeout=1.5, work_dir=Path.cwd())
    assert time.monotonic() - began < 3
    assert isinstance(facts.cpu, Unknown)
    assert isinstance(facts.gpu, Unknown)
    assert isinstance(facts.listeners, Unknown)
    assert isinstance(facts.memory, Known)


def test_this_host_is_known() -> None:
    facts = collect(timeout=20, work_dir=Path.cwd())
    for name in ("system", "cpu", "memory", "python", "disks", "docker"):
        fact = getattr(facts, name)
        assert isinstance(fact, Known), fact
    assert isinstance(facts.cpu, Known)
    assert facts.cpu.value.online == os.cpu_count()
    assert isinstance(facts.python, Known)
    assert facts.python.value.executable == sys.executable


def test_every_fact_has_a_probe() -> None:
    probes = list_probes(
        Deadline(1), Path.cwd(), lambda: NoEngine(state="no-answer", host="", detail="")
    )
    assert set(probes) == PROBES


def test_a_hanging_probe_does_not_keep_the_process_alive() -> None:
    program = (
        "import time; from pathlib import Path; from infra.host.probes import cpu\n"
        "from infra.host.collect import collect\n"
        "cpu.probe = lambda: time.sleep(60)\n"
        "print(collect(timeout=1, work_dir=Path('.')).cpu.reason)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "reading the CPU count and limits did not answer within 1 s\n"
    assert done.stderr == ""
    assert time.monotonic() - began < 10


def test_nothing_heavy_is_imported_before_a_probe_runs() -> None:
    program = (
        "import sys, infra.host.collect\n"
        "print(*sorted({'docker', 'pynvml', 'psutil', 'torch', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "\n"
