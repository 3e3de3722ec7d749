"""The host memory of Python with torch, as the smallest training run measures it once per build."""

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from infra.host.deadline import Deadline, Output
from infra.host.errors import ProbeError
from infra.host.probes import python
from infra.host.resident_floor import measure_resident_floor
from qca.core.distribution import DISTRIBUTION
from qca.core.units import MIB
from qca.memory.resident_floor import read_resident_floor


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch):
    """Return a function that sets the output of the smallest training run."""

    def set_output(exit_code: int, *events: dict, stderr: str = "") -> None:
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        output = Output(exit_code, lines, stderr)
        monkeypatch.setattr(
            "infra.host.resident_floor.Deadline.run", lambda self, argv, env=None: output
        )

    return set_output


def test_it_is_the_peak_of_the_smallest_run(answer) -> None:
    episodes = [{"event": "episode", "memory_bytes": size} for size in (5 * MIB, 7 * MIB)]
    answer(0, {"event": "started"}, *episodes, {"event": "finished"})
    assert measure_resident_floor() == 7 * MIB


@pytest.mark.parametrize("changed", ["torch", DISTRIBUTION])
def test_it_is_cached_for_this_build_of_torch_only(
    answer, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(0, {"event": "episode", "memory_bytes": 7 * MIB})
    measure_resident_floor()
    assert read_resident_floor() == 7 * MIB
    true = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "9" if name == changed else true(name))
    assert read_resident_floor() is None


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_run_without_output_is_an_error_and_is_not_cached(answer, exit_code: int) -> None:
    answer(exit_code, {"event": "started"}, stderr="ModuleNotFoundError: no torch")
    with pytest.raises(ProbeError, match="the smallest training run"):
        measure_resident_floor()
    assert read_resident_floor() is None


@pytest.mark.parametrize("said", ["a library's greeting", "[1]", '{"event": "episode"}', ""])
def test_lines_that_are_not_episodes_are_skipped(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    lines = f'{said}\n{{"event": "episode", "memory_bytes": {MIB}}}\n'
    monkeypatch.setattr(Deadline, "run", lambda *_, **__: Output(0, lines, ""))
    assert measure_resident_floor() == MIB
    monkeypatch.setattr(Deadline, "run", lambda *_, **__: Output(0, said, ""))
    with pytest.raises(ProbeError, match="reported no memory"):
        measure_resident_floor()


def test_the_users_configuration_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: Deadline, argv: list[str], *, env: dict[str, str] | None = None) -> Output:
        assert env is not None
        assert "PATH" in env
        assert not [name for name in env if name.startswith("QCA_")]
        return Output(0, f'{{"event": "episode", "memory_bytes": {MIB}}}', "")

    monkeypatch.setenv("QCA_TRAIN_BATCH_SIZE", "4096")
    monkeypatch.setattr(Deadline, "run", run)
    assert measure_resident_floor() == MIB


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_the_probe_finds_the_measured_value_afterwards() -> None:
    before = python.probe()
    assert before.resident_floor is None
    measured = measure_resident_floor()
    assert 100 * MIB < measured < 2048 * MIB
    assert python.probe().resident_floor == measured
