"""`qca estimate`, called from a terminal and from a script."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest

from qca.core.config import TrainConfig
from qca.core.units import format_size, parse_size
from qca.memory.budget import estimate
from qca.memory.solve import solve
from tests.support.forks import Forked
from tests.support.machines import CPU, GPU
from tests.support.resident_floor import cache_resident_floor
from tests.support.waiting import wait_for

CARD = "3.68GiB"


def run_estimate(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return Forked(cwd, variables)("estimate", *words, check=None)


def read_document(*words: str, cwd: Path) -> dict[str, Any]:
    done = run_estimate(*words, "--format", "json", cwd=cwd)
    return json.loads(done.stdout)


def test_the_json_is_as_documented(tmp_path: Path) -> None:
    shown = read_document("--budget", CARD, cwd=tmp_path)
    found = estimate(TrainConfig(segment=8), recompute="step", machine=GPU)
    assert shown["schema_version"] == 1
    assert shown["parameters"] == 27_883_292
    assert shown["predicted_peak_bytes"] == found.predicted_peak_bytes
    assert shown["breakdown"] == vars(found.breakdown)
    assert list(shown["breakdown"]) == [
        "parameters",
        "gradients",
        "optimizer",
        "states",
        "activations",
        "workspace",
    ]
    assert sum(shown["breakdown"].values()) == shown["predicted_peak_bytes"]
    assert shown["context_bytes"] == found.context_bytes
    assert shown["budget_bytes"] == parse_size(CARD)
    assert shown["fits"] is True
    assert (shown["recompute"], shown["segment"], shown["tapes"]) == ("step", 8, 0)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--budget", CARD], 0),
        (["--budget", CARD, "--recompute", "none"], 1),
        (["--budget", "100MiB"], 1),
        (["--budget", "100MiB", "--solve", "batch"], 1),
        (["--budget", CARD, "--solve", "grid"], 0),
        (["--budget", "1 Gigs"], 2),
        (["--grid", "7"], 2),
        (["--batch-size", "0"], 2),
        (["--recompute", "often"], 2),
        (["--precision", "int4"], 2),
        (["--optimizer", "sgd"], 2),
        (["--solve", "width", "--budget", CARD], 2),
        (["--device", "cpu", "--solve", "batch"], 2),
        (["--no-such-option"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_exit_code_says_whether_it_fits(words: list[str], status: int, tmp_path: Path) -> None:
    done = run_estimate(*words, cwd=tmp_path)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert bool(done.stderr) == (status != 0)


def test_a_wrong_value_is_reported_with_its_flag(tmp_path: Path) -> None:
    assert (
        "--grid: Input should be a multiple of 4"
        in run_estimate("--grid", "7", cwd=tmp_path).stderr
    )


def test_without_a_budget_and_a_gpu_it_is_unknown_whether_it_fits(tmp_path: Path) -> None:
    shown = read_document("--device", "cpu", cwd=tmp_path)
    assert (shown["budget_bytes"], shown["fits"]) == (None, None)
    assert shown["breakdown"]["workspace"] == 0


def test_solve_returns_the_largest_value_and_its_estimate(tmp_path: Path) -> None:
    shown = read_document("--budget", CARD, "--solve", "batch", cwd=tmp_path)
    found = solve(TrainConfig(), parse_size(CARD), "batch", GPU)
    assert shown["solved"] == {"dimension": "batch", "value": found.value}
    assert shown["predicted_peak_bytes"] == found.choice.estimate.predicted_peak_bytes


def test_a_flag_overrides_the_file_and_the_profile(tmp_path: Path) -> None:
    (tmp_path / "qca.toml").write_text('[train]\nprofile = "cpu"\nsteps = 7\n')
    shown = read_document("--d-state", "5", cwd=tmp_path)
    small = TrainConfig(grid=16, d_state=5, hidden_channels=16, steps=7)
    expected = estimate(small, recompute="step", machine=CPU)
    assert shown["device"] == "cpu"
    assert shown["predicted_peak_bytes"] == expected.predicted_peak_bytes


def test_the_text_is_plain_without_a_terminal(tmp_path: Path) -> None:
    done = run_estimate("--budget", CARD, cwd=tmp_path)
    assert "\x1b" not in done.stdout
    for word in ("parameters", "activations", "predicted peak", "context", "3.68 GiB", "yes"):
        assert word in done.stdout


MOVED = "AdamW's moments were moved to host memory"
BESIDE = "plus a context of 736 MiB"
PLAIN_SIZES = f"strategy `none` needs 23.96 GiB {BESIDE}"


@pytest.mark.parametrize(
    ("words", "status", "refusal"),
    [
        (["--recompute", "none", "--budget", "24.55GiB"], 0, PLAIN_SIZES),
        (["--recompute", "none", "--budget", "24GiB"], 1, PLAIN_SIZES),
        (
            ["--budget", "1.5GiB"],
            0,
            f"strategy `host` needs 962.03 MiB {BESIDE} on the GPU, and 256 MiB of host memory",
        ),
        (["--recompute", "none", "--budget", "26.3GiB"], 0, None),
        (["--recompute", "none", "--budget", "24GiB", "--optimizer-state", "host"], 1, None),
        (["--recompute", "none", "--budget", "24GiB", "--optimizer-state", "device"], 1, None),
        (["--recompute", "none", "--device", "cpu", "--budget", "24GiB"], 1, None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_moved_moments_are_reported_with_the_reason_and_the_flag_to_prevent_it(
    words: list[str], status: int, refusal: str | None, tmp_path: Path
) -> None:
    done = run_estimate(*words, cwd=tmp_path)
    assert done.returncode == status
    if refusal is None:
        assert MOVED not in done.stdout
        return
    budget = format_size(parse_size(words[words.index("--budget") + 1]))
    assert (
        f"{MOVED}: with them on the device, recompute {refusal}; the budget of {budget} is not "
        "enough. --optimizer-state device keeps them there.\n"
    ) in done.stdout


def test_moments_moved_for_a_larger_batch_are_reported(tmp_path: Path) -> None:
    """The estimate is for the batch that was found, not for the given batch."""
    budget = "3.55GiB"
    done = run_estimate("--recompute", "step", "--budget", budget, "--solve", "batch", cwd=tmp_path)
    found = solve(TrainConfig(recompute="step"), parse_size(budget), "batch", GPU)
    kept = found.choice.train.override(segment=1, optimizer_state="device")
    peak = estimate(kept, recompute="step", machine=GPU).predicted_peak_bytes
    assert found.choice.optimizer_state == "host"
    assert (
        f"{MOVED}: with them on the device, recompute strategy `step` needs {format_size(peak)}"
        in (done.stdout)
    )


def test_a_budget_decides_between_the_plans(tmp_path: Path) -> None:
    assert read_document("--budget", CARD, cwd=tmp_path)["recompute"] == "step"
    assert read_document("--budget", "1.67GiB", cwd=tmp_path)["recompute"] == "host"


def test_a_segment_can_be_requested(tmp_path: Path) -> None:
    shown = read_document("--segment", "3", cwd=tmp_path)
    assert (shown["segment"], shown["tapes"]) == (3, 0)
    assert read_document("--recompute", "none", cwd=tmp_path)["tapes"] == 500


def test_loads_no_torch() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from qca.cli.estimate import estimate\n"
        "result = CliRunner().invoke(estimate, ['--budget', '4G'])\n"
        "assert result.exit_code == 0, result.output\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


SMALLEST = ("--device", "cpu", "--grid", "4", "--d-state", "1", "--hidden-channels", "1")


def test_measured_times_are_used_by_later_plans(tmp_path: Path) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = ("--measure", *SMALLEST, "--steps", "2", "--format", "json")

    done = run_estimate(*words, cwd=tmp_path, **cache)

    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["measurements"]
    assert [(row["recompute"], row["precision"]) for row in rows] == [
        ("step", "fp32"),
        ("two-level", "fp32"),
        ("none", "fp32"),
    ]
    for row in rows:
        assert row["error"] is None
        assert row["seconds_per_episode"] > 0
        assert 0 < row["measured_bytes"] <= row["predicted_bytes"] * 1.05
    kept = json.loads((tmp_path / "cache" / "qca" / "step-timings.json").read_text())
    assert len(kept["timings"]) == 3


def test_measure_skips_strategies_that_do_not_fit(tmp_path: Path) -> None:
    cache_resident_floor(tmp_path / "cache")
    words = ("--measure", *SMALLEST, "--steps", "2", "--budget", "1MiB")

    done = run_estimate(*words, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))

    assert done.returncode == 1
    assert "nothing could be measured: needs" in done.stderr
    assert "which exceeds the 1 MiB budget" in done.stderr
    assert "Raise --budget" in done.stderr
    assert "QCA501" not in done.stderr
    assert not (tmp_path / "cache" / "qca" / "step-timings.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("estimate", "--measure", "--device=cpu"),
        ("estimate", "--device=cpu"),
        ("plan", "--runtime=local", "--device=cpu"),
        ("train", "--device=cpu"),
    ],
    ids=" ".join,
)
def test_sigterm_leaves_nothing_of_the_first_measurement(words: Sequence[str], tmp_path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {"XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "qca", *words]
    with subprocess.Popen(command, env={**os.environ, **variables}, cwd=tmp_path) as process:
        measuring = wait_for(lambda: find_smallest_training(process.pid))
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM
    assert list(temporary.iterdir()) == []
    assert not measuring.is_running()


def find_smallest_training(pid: int) -> psutil.Process | None:
    """Return the child process that measures the memory of Python with torch."""
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):
            if any("qca-resident-" in word for word in child.cmdline()):
                return child
    return None


def test_measure_and_solve_cannot_be_combined(tmp_path: Path) -> None:
    done = run_estimate("--measure", "--solve", "batch", cwd=tmp_path)

    assert done.returncode == 2
    assert "--measure and --solve cannot be combined" in done.stderr


def test_later_estimates_choose_by_the_measured_times(tmp_path: Path) -> None:
    cache_resident_floor(tmp_path)
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    words = (*SMALLEST, "--budget", "1GiB", "--format", "json")
    first = json.loads(run_estimate(*words, cwd=tmp_path, **cache).stdout)
    slow_autograd = {"recompute": "none", "seconds": 9.0}
    fast_steps = {"recompute": "step", "seconds": 0.1}
    timing = {
        **{"device": "cpu", "torch": metadata.version("torch"), "update": "cartesian"},
        **{"grid": 4, "d_state": 1, "hidden_channels": 1, "batch_size": 1, "segment": 1},
        **{"precision": "fp32", "steps": 8, "peak_bytes": 1, "drift": None},
    }
    document = {"timings": [{**timing, **slow_autograd}, {**timing, **fast_steps}]}
    (tmp_path / "qca" / "step-timings.json").write_text(json.dumps(document))

    then = json.loads(run_estimate(*words, cwd=tmp_path, **cache).stdout)

    assert (first["recompute"], then["recompute"]) == ("none", "step")
