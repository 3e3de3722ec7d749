"""`qca rollout`: from a run to its files, and its errors."""

import signal
from pathlib import Path

import numpy as np
import pytest

from qca.runs.snapshots import read_snapshots
from tests.support.automata import write_trained_run
from tests.support.program import Program


@pytest.fixture
def trained(qca):
    """The program in a folder with a trained run."""
    write_trained_run(qca.folder / "runs" / "first")
    return qca


def test_a_run_becomes_a_page_in_its_folder(trained):
    done = trained("rollout", "first", "--steps", 3)
    assert done.stdout == ""
    assert "Loaded `first`, trained for 6 episodes, on cpu." in done.stderr
    assert "Wrote runs/first/rollout.html." in done.stderr
    page = (trained.folder / "runs" / "first" / "rollout.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "8\u00d78 cells of 3 components, 3 steps." in page


def test_a_trajectory_continues_from_another(trained):
    trained("rollout", "first", "--steps", 6, "-o", "whole.npz")
    trained("rollout", "first", "--steps", 4, "-o", "begin.safetensors", "--every", 2)
    trained("rollout", "first", "--steps", 2, "-o", "end.npz", "--start", "begin.safetensors")
    begin = read_snapshots(trained.folder / "begin.safetensors")
    assert begin is not None
    assert list(begin.states) == [0, 2, 4]
    whole, end = (np.load(trained.folder / name)["psi"] for name in ("whole.npz", "end.npz"))
    assert np.abs(end - whole[4:]).max() < 1e-6


def test_all_options_are_applied(trained):
    words = ("--grid", 12, "--seed", 5, "--noise", 0.3, "--start", "seed-cell", "--steps", 2)
    trained("rollout", "first", *words, "-o", "one.npz")
    trained("rollout", "runs/first", *words, "--device", "cpu", "-o", "two.npz")
    one, two = (np.load(trained.folder / name)["psi"] for name in ("one.npz", "two.npz"))
    assert one.shape == (3, 3, 12, 12)
    assert np.array_equal(one, two)
    trained("rollout", "first", *words, "--field", "phase:2", "--fps", 5, "-o", "two.gif")
    assert (trained.folder / "two.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("first", "--grid", 10), 2, "invalid grid 10"),
        (("first", "--field", "flux"), 2, "unknown field 'flux'"),
        (("first", "--start", "nothing"), 2, "neither an initial state nor a file"),
        (("first", "-o", "one.avi"), 2, "unknown output format"),
        (("first", "-o", "runs/first/config.json/one.html"), 1, "config.json is a file"),
        (("second",), 2, "no run 'second'"),
        (("first", "--steps", 200_000, "-o", "one.npz"), 2, "too many frames: 200,001"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_invalid_requests_are_refused_and_write_nothing(trained, words, status, message):
    before = sorted(trained.folder.rglob("*"))
    assert message in trained("rollout", *words, check=status).stderr
    assert sorted(trained.folder.rglob("*")) == before


@pytest.mark.parametrize(
    "name",
    ["long.npz", *(pytest.param(f"long.{one}", marks=pytest.mark.slow) for one in ("gif", "html"))],
)
def test_ctrl_c_leaves_a_complete_file(tmp_path, name):
    write_trained_run(tmp_path / "runs" / "first")
    program = Program(tmp_path)
    # A frame takes seconds, and the rollout stops only between two frames.
    words = ("rollout", "first", "--steps", 50_000, "--every", 2000, "-o", name)
    with program.start(*words) as running:
        running.wait_for_stderr("Running 50,000 steps")
        done = running.end(signal.SIGINT)
    assert done.returncode == 130
    assert "writing what there is" in done.stderr
    assert f"Wrote {name}." in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["runs", name])
    assert _is_whole(tmp_path / name)


def _is_whole(path: Path) -> bool:
    """Return whether the file can be read, from the start to the last step before the stop."""
    if path.suffix == ".npz":
        steps = np.load(path)["step"]
        return steps[0] == 0 and len(steps) >= 2
    end = {".gif": b"\x3b", ".html": b"</html>\n"}[path.suffix]
    return path.read_bytes().endswith(end)
