"""A command for a run that exists: the settings that it keeps, and those that it refuses."""

import json

import pytest

from tests.support.program import Program
from tests.support.run_folders import record, write_run

TRAINED = 34


@pytest.fixture
def stopped(qca: Program) -> Program:
    """The program in a folder whose run `first` was stopped before its last episode."""
    write_stopped_run(qca, "first")
    return qca


def write_stopped_run(program: Program, run: str, episodes: int = 60) -> None:
    """Write a run whose first checkpoint is that of episode `TRAINED`."""
    folder = program.folder / "runs" / run
    settings = {"grid": 16, "steps": 32, "segment": 1, "tapes": 8}
    write_run(folder, map(record, range(1, TRAINED + 1)), episodes=episodes, **settings)
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / f"episode-{TRAINED:08d}.safetensors").touch()


def plan_trainer(program: Program, *words: object) -> tuple[dict[str, object], dict[str, str]]:
    """Return the trainer of the plan, and its reasons."""
    plan = json.loads(program("plan", "--runtime", "local", "--format", "json", *words).stdout)
    return plan["trainer"], {one["for"]: one["because"] for one in plan["reasons"]}


def test_the_plan_of_a_resumed_run_has_its_settings(stopped):
    trainer, because = plan_trainer(stopped)

    assert (trainer["profile"], trainer["tapes"], trainer["segment"]) == ("cpu", 8, 1)
    assert because["trainer.tapes"] == "the run already has this value"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--profile", "default"), "grid was 16", "--run NAME"),
        (("--grid", "32"), "grid was 16", "--run NAME"),
        (("--episodes", "30"), "has trained 34 episodes", "--episodes 34"),
        (("--episodes", "34", "--learning-rate", "0.1"), "no effect", "more than 34"),
    ],
    ids=["profile", "grid", "episodes", "learning_rate"],
)
def test_settings_that_a_run_cannot_have_are_refused_before_anything_starts(
    stopped, words, message, hint
):
    done = stopped("up", *words, check=2)

    assert message in done.stderr
    assert hint in done.stderr
    assert "Examining" not in done.stderr
    assert not (stopped.folder / ".qca").exists()


def test_a_plan_with_other_settings_names_a_command_that_starts_another_run(stopped):
    (stopped.folder / "runs" / "first-2").mkdir()

    said = stopped("plan", "--runtime", "local", "--grid", "8").stderr

    assert "Not as run first:" in said
    assert "Next: qca up --runtime=local --grid=8 --run=first-3" in said


def test_the_settings_of_a_run_do_not_apply_to_another_host(stopped):
    stopped("doctor", "--record", "host.json", check=None)

    plan = json.loads(stopped("plan", "--facts", "host.json", "--format", "json").stdout)

    assert plan["trainer"]["tapes"] != 8


def test_a_run_that_has_not_trained_keeps_nothing(qca):
    folder = qca.folder / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"grid": 32, "tapes": 8}))

    trainer, _ = plan_trainer(qca)

    assert trainer["tapes"] != 8
