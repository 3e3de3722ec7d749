"""A command for a run that exists: the settings that it keeps, and those that it refuses."""

import json
from typing import Any

import pytest

from infra.stack.launch_record import Launch
from qca.cli.status import describe_next_step
from qca.cli.status_reading import Status
from qca.runs.run_folder import RunFolder
from tests.support.program import Program
from tests.support.run_folders import record, write_run

TRAINED = 34


@pytest.fixture
def stopped_program(qca: Program) -> Program:
    """The program in a folder whose run `first` was stopped before its last episode."""
    write_stopped_run(qca, "first")
    return qca


def write_stopped_run(program: Program, run: str, episodes: int = 60) -> None:
    """Write a run whose first checkpoint is that of episode `TRAINED`."""
    folder = program.folder / "runs" / run
    settings: dict[str, Any] = {"grid": 16, "steps": 32, "segment": 1, "tapes": 8}
    write_run(folder, map(record, range(1, TRAINED + 1)), episodes=episodes, **settings)
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / f"episode-{TRAINED:08d}.safetensors").touch()


def plan_trainer(program: Program, *words: object) -> tuple[dict[str, object], dict[str, str]]:
    """Return the trainer of the plan, and its reasons."""
    plan = json.loads(program("plan", "--runtime", "local", "--format", "json", *words).stdout)
    return plan["trainer"], {one["for"]: one["because"] for one in plan["reasons"]}


def test_the_plan_of_a_resumed_run_has_its_settings(stopped_program):
    trainer, because = plan_trainer(stopped_program)

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
    stopped_program, words, message, hint
):
    done = stopped_program("up", *words, check=2)

    assert message in done.stderr
    assert hint in done.stderr
    assert "Examining" not in done.stderr
    assert not (stopped_program.folder / ".qca").exists()


def test_a_plan_with_other_settings_names_a_command_that_starts_another_run(stopped_program):
    (stopped_program.folder / "runs" / "first-2").mkdir()

    said = stopped_program("plan", "--runtime", "local", "--grid", "8").stderr

    assert "Not as run first:" in said
    assert "Next: qca up --runtime=local --grid=8 --run=first-3" in said


def test_the_settings_of_a_run_do_not_apply_to_another_host(stopped_program):
    stopped_program("doctor", "--record", "host.json", check=None)

    plan = json.loads(stopped_program("plan", "--facts", "host.json", "--format", "json").stdout)

    assert plan["trainer"]["tapes"] != 8


def test_a_run_that_has_not_trained_keeps_nothing(qca):
    folder = qca.folder / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"grid": 32, "tapes": 8}))

    trainer, _ = plan_trainer(qca)

    assert trainer["tapes"] != 8


# -- which run a command is about ----------------------------------------------------------------


def launch(program: Program, run: str, *, runtime: str = "local", **more: object) -> None:
    """Record a launch of the run."""
    folder = program.folder / ".qca" / run
    folder.mkdir(parents=True)
    document = {"runtime": runtime, "project": "qca", "run": run, "runs": "runs", **more}
    (folder / "launch.json").write_text(json.dumps(document))


FOLLOWING = [("status",), ("attach",), ("logs", "--run"), ("down",)]


@pytest.mark.parametrize("words", FOLLOWING, ids=lambda words: words[0])
def test_a_name_that_no_run_has_is_answered_with_the_names(stopped_program, words):
    launch(stopped_program, "second")

    done = stopped_program(*words, "firts", check=2)

    assert "no run 'firts' in this folder" in done.stderr
    assert "The runs here: first, second." in done.stderr
    assert "go to the folder where you ran `qca up`" in done.stderr


@pytest.mark.parametrize(
    ("episodes", "next_step"),
    [(60, "`qca up --run first` resumes it"), (TRAINED, "`qca report first` shows it")],
    ids=["stopped", "complete"],
)
@pytest.mark.parametrize("words", FOLLOWING[1:], ids=lambda words: words[0])
def test_a_run_that_was_taken_down_is_answered_with_its_next_step(qca, words, episodes, next_step):
    write_stopped_run(qca, "first", episodes)

    done = qca(*words, "first", check=2)

    assert "the run 'first' is kept in runs/first, but not launched" in done.stderr
    assert next_step in done.stderr


def test_in_a_folder_without_runs_the_next_step_is_another_folder(qca):
    assert "There is no run here." in qca("attach", "first", check=2).stderr
    assert "go to the folder where you ran it" in " ".join(qca("attach", check=1).stderr.split())


def test_several_runs_are_named_by_the_commands_own_option(qca):
    launch(qca, "a")
    launch(qca, "b")

    assert "`qca logs --run RUN`" in qca("logs", check=2).stderr
    assert "`qca status RUN`" in qca("status", check=2).stderr


def test_the_only_run_that_is_training_needs_no_name(qca):
    for run in ("done", "training"):
        write_stopped_run(qca, run)
        launch(qca, run)
    with RunFolder(qca.folder / "runs" / "training").hold():
        assert json.loads(qca("status", "--format", "json").stdout)["run"] == "training"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("up", "b"), "`qca up --run b`"),
        (("plan", "b"), "`qca plan --run b`"),
        (("logs", "b"), "`qca logs --run b`"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_run_named_without_its_option_gets_a_hint(qca, words, hint):
    assert hint in " ".join(qca(*words, check=2).stderr.split())


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ({}, "`qca up --run first` resumes it"),
        ({"volume": "qca_runs"}, "`qca up --run first --episodes 60` resumes it"),
    ],
    ids=["in a folder", "in a volume"],
)
def test_the_status_of_a_stopped_run_says_how_to_resume_it(more, hint):
    launched = Launch(runtime="local", project="qca", run="first", runs="runs", **more)
    status = Status(
        run="first",
        launch=launched,
        title="",
        services=[],
        progress=None,
        running=False,
        episodes=60,
        is_complete=False,
    )

    assert hint in describe_next_step(status)


def test_the_name_of_a_run_is_never_cut(qca):
    name = "a-run-with-quite-a-long-name"
    write_stopped_run(qca, name)

    assert name in qca("runs", COLUMNS="40").stdout
