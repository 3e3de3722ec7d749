"""Foreign files in place of our own are not overwritten, followed or removed."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.forks import Forked
from tests.support.program import Program, short_folder, write_config
from tests.support.run_folders import complete_run

TRAIN = ("train", "--profile=cpu", "--device=cpu", "--recompute=step", "--precision=fp32")
UP = ("up", "--runtime=local")

Plant = Callable[[Path], object]


@pytest.fixture
def trainable(tmp_path: Path):
    write_config(tmp_path)
    with short_folder() as temporary:
        yield Forked(tmp_path, {"TMPDIR": str(temporary)})


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def plant_victims(folder: Path) -> dict[str, bytes]:
    for name in ("compose.yaml", ".env", "victim", "logs/app.log"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("precious")
    return contents(folder)


STATE: dict[str, Plant] = {
    "the folder": lambda folder: (folder / ".qca").symlink_to("."),
    "the lock": lambda folder: link(folder / ".qca/first/lock", "../../victim"),
    "a log": lambda folder: link(folder / ".qca/first/logs/trainer.log", "../../../victim"),
    "the flags": lambda folder: link(folder / ".qca/first/store.flags", "../../victim"),
    "a run's folder": lambda folder: link(folder / ".qca/first", ".."),
    "another run's folder": lambda folder: link(folder / ".qca/other", ".."),
    "the lock of 0.1.0": lambda folder: link(folder / ".qca/lock", "../victim"),
}


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("plant", STATE.values(), ids=STATE)
@pytest.mark.parametrize("words", [("down",), UP], ids=lambda one: one[0])
def test_links_in_place_of_the_state_folder_are_refused(trainable, plant, words):
    plant(trainable.folder)
    before = plant_victims(trainable.folder)
    done = trainable(*words, check=1)
    assert ".qca" in done.stderr
    assert "a symbolic link" in done.stderr
    assert contents(trainable.folder) == before


@pytest.mark.parametrize("name", ["lock", "metrics.jsonl", "heartbeat", "events.jsonl"])
def test_links_in_a_run_folder_are_not_followed(trainable, name):
    before = plant_victims(trainable.folder)
    link(trainable.folder / "runs/first" / name, "../../victim")
    trainable(*TRAIN, "--episodes", 1, check=None)
    assert {key: contents(trainable.folder)[key] for key in before} == before


@pytest.mark.parametrize("words", [TRAIN, UP, ("report", "first")], ids=lambda one: one[0])
def test_a_link_to_the_runs_is_refused_with_the_command_to_use(trainable, words):
    disk = trainable.folder / "big disk"
    complete_run(disk / "first")
    (trainable.folder / "runs").symlink_to(disk)
    before = contents(disk)
    done = trainable(*words, check=2)
    assert f"--runs '{disk}'" in done.stderr
    assert contents(disk) == before
    if words[0] == "report":
        trainable(*words, "--runs", disk, "--facts", hosts())


def hosts() -> Path:
    return Path(__file__).parents[1] / "hosts" / "cpu-engine.json"


FILES = ("config.json", "metrics.jsonl", "events.jsonl", "states.safetensors")

ODD: dict[str, Plant] = {
    "a named pipe": os.mkfifo,
    "/dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a folder": os.mkdir,
}


@pytest.mark.parametrize("plant", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", FILES)
def test_a_report_about_a_special_file_ends_with_a_message(qca, name, plant):
    run = complete_run(qca.folder / "runs/first")
    (run / name).unlink()
    plant(run / name)
    done = qca("report", "first", "--facts", hosts(), check=2, timeout=30)
    assert name in done.stderr or name == "config.json"


@pytest.mark.parametrize("plant", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["metrics.jsonl", "lock", "config.json"])
def test_a_trainer_with_a_special_file_ends_with_a_message(trainable, name, plant):
    run = trainable.folder / "runs/first"
    run.mkdir(parents=True)
    plant(run / name)
    done = trainable(*TRAIN, "--episodes", 1, check=None, timeout=60)
    assert done.returncode in (1, 2)
    assert "runs/first" in done.stderr


@pytest.mark.parametrize("option", [("doctor", "--record"), ("render", "compose", "-o")])
def test_an_output_file_must_not_be_a_link_or_a_folder(qca, option):
    before = plant_victims(qca.folder)
    link(qca.folder / "out", "victim")
    link(qca.folder / "other.qca-unfinished", "victim")
    assert "it is a symbolic link; name its target instead" in qca(*option, "out", check=1).stderr
    assert "a folder, not a plain file" in qca(*option, ".", check=1).stderr
    qca(*option, "other")
    assert not (qca.folder / "other").is_symlink()
    assert {key: contents(qca.folder)[key] for key in before} == before


def test_an_output_pipe_gets_the_text(qca):
    os.mkfifo(qca.folder / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((qca.folder / "pipe").read_text()))
    reader.start()
    qca("render", "compose", "--facts", hosts(), "-o", "pipe")
    reader.join(30)
    assert "services:" in read[0]
    assert (qca.folder / "pipe").is_fifo()


@pytest.mark.slow
def test_the_next_start_removes_what_a_kill_at_a_checkpoint_left(tmp_path):
    write_config(tmp_path)
    program = Program(tmp_path)
    big = ("--hidden-channels=64", "--d-state=14", "--checkpoint-every=1", "--episodes=3")
    checkpoints = tmp_path / "runs/first/checkpoints"
    with program.start(*TRAIN, *big, "--resume") as running:
        while running.process.poll() is None:
            if list(checkpoints.glob(".*/.tmp*")) or list(checkpoints.glob(".tmp*")):
                running.process.kill()
                break
        running.process.wait()
    assert any(path.name.startswith(".") for path in checkpoints.iterdir())
    program(*TRAIN, *big, "--resume")
    names = {path.name for path in checkpoints.iterdir()}
    assert {name for name in names if not name.startswith("episode-")} == set()
