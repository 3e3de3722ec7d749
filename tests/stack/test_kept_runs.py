"""The record of the runs that `qca down` has left in a volume."""

from pathlib import Path

import pytest

from infra.stack.kept_runs import KEPT_RUNS, forget_volumes, keep_run, read_kept_runs
from infra.stack.launch_record import Launch
from qca.core.errors import LaunchError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def launch(run: str, *, volume: str = "qca_runs", episodes: int = 6) -> Launch:
    return Launch("compose", "qca", run, "runs", episodes, volume=volume)


def test_nothing_is_kept_in_a_new_folder() -> None:
    assert read_kept_runs() == []


def test_a_run_is_kept_with_its_last_launch() -> None:
    for one in (launch("first", episodes=6), launch("second"), launch("first", episodes=9)):
        keep_run(one)

    assert read_kept_runs() == [launch("second"), launch("first", episodes=9)]


def test_the_runs_of_a_removed_volume_are_forgotten() -> None:
    keep_run(launch("first"))
    keep_run(launch("second", volume="other_runs"))

    forget_volumes(["qca_runs", "unknown"])

    assert read_kept_runs() == [launch("second", volume="other_runs")]


def test_nothing_is_left_of_the_record_once_all_is_forgotten(folder: Path) -> None:
    keep_run(launch("first"))
    forget_volumes(["qca_runs"])
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", '[{"run": "first"}]', '[{"run": "../x"}]'])
def test_a_damaged_record_is_named_and_not_replaced(text: str) -> None:
    KEPT_RUNS.parent.mkdir()
    KEPT_RUNS.write_text(text)
    for access in (read_kept_runs, lambda: keep_run(launch("first"))):
        with pytest.raises(LaunchError, match=r"kept-runs\.json cannot be read: not a record"):
            access()
    assert KEPT_RUNS.read_text() == text


def test_a_link_in_its_place_is_not_followed(folder: Path) -> None:
    (folder / "elsewhere").write_text("[]")
    KEPT_RUNS.parent.mkdir()
    KEPT_RUNS.symlink_to(folder / "elsewhere")
    with pytest.raises(LaunchError, match="cannot be read"):
        read_kept_runs()
