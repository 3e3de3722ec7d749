"""Closed streams, full disks and absurd files lead to a message and the right exit code."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.program import QCA, Program, environment
from tests.support.run_folders import complete_run, field, record, write_states

FACTS = Path(__file__).parents[1] / "hosts" / "cpu-engine.json"
TRAIN = (
    *("train", "--profile=cpu", "--device=cpu", "--recompute=step", "--precision=fp32"),
    *("--grid=8", "--steps=2", "--episodes=1", "--progress=json"),
)
DIGITS = "9" * 400
DEEP = "[" * 200_000 + "]" * 200_000


def run_in_shell(program: Program, *words: object, redirect: str) -> subprocess.CompletedProcess:
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirect}', "bash", str(QCA), *map(str, words)],
        cwd=program.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("plan", "--facts", FACTS), 1),
        (("doctor", "--facts", FACTS, "--format", "json"), 1),
        (("--help",), 1),
        (("report", "reported", "--facts", FACTS), 0),  # its payload is the file
        pytest.param(TRAIN, 1, marks=pytest.mark.slow),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else "",
)
def test_a_full_disk_under_stdout_is_reported(qca, words, code):
    complete_run(qca.folder / "runs/reported")
    done = run_in_shell(qca, *words, redirect=">/dev/full")
    assert done.returncode == code
    assert code == 0 or "No space left on device" in done.stderr


@pytest.mark.parametrize("words", [("plan", "--facts", FACTS), ("doctor", "--facts", FACTS), TRAIN])
def test_closed_streams_do_not_change_exit_codes_or_files(qca, words):
    assert run_in_shell(qca, *words, redirect="<&- >&- 2>&-").returncode == 0
    for path in (qca.folder / "runs/first").glob("*.jsonl"):
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_full_disk_under_stderr_keeps_the_exit_code(qca):
    done = run_in_shell(qca, "plan", "-c", "absent.toml", redirect="2>/dev/full")
    assert done.returncode == 2


def metrics(**changes: object) -> str:
    lines = ({**record(number).model_dump(), **changes} for number in range(1, 4))
    return "".join(json.dumps(line) + "\n" for line in lines)


def event(time: str = "2026-01-01T00:00:00+00:00", **fields: object) -> str:
    return json.dumps({"time": time, **fields}) + "\n"


RUNS = {
    "config nested": ("config.json", f'{{"a": {DEEP}}}', 2),
    "config empty": ("config.json", "", 2),
    "config of 400 digits": ("config.json", f'{{"episodes": {DIGITS}}}', 2),
    "metrics nested": ("metrics.jsonl", f'{{"a": {DEEP}}}\n', 2),
    "metrics empty": ("metrics.jsonl", "", 0),
    "memory of 400 digits": ("metrics.jsonl", metrics(memory_bytes=int(DIGITS)), 2),
    "episode of 400 digits": ("metrics.jsonl", metrics(episode=int(DIGITS)), 2),
    "losses of 1e308": ("metrics.jsonl", metrics(loss=1e308, components={"a": -1e308}), 2),
    "losses of 1e300": ("metrics.jsonl", metrics(loss=1e300, energy=-1e300, seconds=1e300), 0),
    "losses of 5e-324": ("metrics.jsonl", metrics(loss=5e-324, seconds=5e-324), 0),
    "journal nested": ("events.jsonl", event(event="noted")[:-2] + f', "a": {DEEP}}}\n', 0),
    "journal empty": ("events.jsonl", "", 0),
    "year 1": ("events.jsonl", event("0001-01-01T00:00:00+14:00", event="started"), 0),
    "year 9999": ("events.jsonl", event("9999-12-31T23:59:59-14:00", event="finished"), 0),
    "no time": ("events.jsonl", event("yesterday", event="started", first_episode=1), 0),
    "journal of 400 digits": ("events.jsonl", event(event="finished", episodes=int(DIGITS)), 0),
    "journal of other types": (
        "events.jsonl",
        event(event="started", first_episode=[], processes=-1, device={}),
        0,
    ),
    "states empty": ("states.safetensors", "", 2),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content", "code"), RUNS.values(), ids=RUNS)
def test_absurd_files_are_reported(qca, name, content, code):
    run = complete_run(qca.folder / "runs/first")
    (run / name).write_text(content)
    done = qca("report", "first", "--facts", FACTS, check=code)
    assert code == 0 or name in done.stderr


@pytest.mark.slow
def test_states_without_cells_are_reported(qca):
    run = complete_run(qca.folder / "runs/first")
    write_states(run, {0: field(cells=0)})
    assert "states.safetensors" in qca("report", "first", "--facts", FACTS, check=2).stderr


@pytest.mark.parametrize(
    "content",
    [f"[train]\nepisodes={DIGITS}\n", f"[train]\nepisodes={DIGITS * 20}\n", f"[train]\na={DEEP}\n"],
    ids=["400 digits", "8000 digits", "nested"],
)
@pytest.mark.parametrize("command", ["plan", "train", "doctor"])
def test_absurd_values_in_the_configuration_are_refused(qca, command, content):
    (qca.folder / "qca.toml").write_text(content)
    assert "qca.toml" in qca(command, check=2).stderr


COMPOSE = {
    "names of 5000 letters": (
        f"include: ['{'a' * 300}.yml']\nservices: {{a: {{image: x, env_file: {'b' * 300}, "
        f"extends: {{file: {'c' * 5000}, service: x}}}}}}\n"
    ),
    "numbers of 400 digits": (
        f"services: {{cache: {{image: dragonflydb/dragonfly, mem_limit: {DIGITS}, cpus: {DIGITS}, "
        f"command: '--maxmemory={DIGITS} --proactor_threads={DIGITS}', ports: ['{DIGITS}:1'], "
        f"cpuset: '0-{DIGITS}', ulimits: {{memlock: {DIGITS}}}}}}}\n"
    ),
    "odd numbers": "services: {c: {image: dragonflydb/dragonfly, mem_limit: .inf, cpus: .nan}}\n",
    "nested": f"services: {'{a: ' * 200_000}\n",
}


@pytest.mark.parametrize("content", COMPOSE.values(), ids=COMPOSE)
def test_absurd_values_in_a_compose_file_are_refused(qca, content):
    (qca.folder / "compose.yaml").write_text(content)
    for format_ in ("text", "json"):
        words = ("--files-only", "compose.yaml", "--facts", FACTS, "--format", format_)
        assert qca("doctor", *words, check=None).returncode in (1, 2)


@pytest.mark.parametrize(
    "content",
    ["", "{}", DEEP[:60_000], f'{{"episodes": {DIGITS}}}'],
    ids=["empty", "nothing", "nested", "400 digits"],
)
def test_an_absurd_state_folder_is_reported(qca, content):
    (qca.folder / ".qca/r").mkdir(parents=True)
    (qca.folder / ".qca/r/launch.json").write_text(content)
    for command in ("status", "down", "logs"):
        assert ".qca/r/launch.json" in qca(command, check=1).stderr


@pytest.mark.parametrize(
    "content",
    ["", DEEP, f'{{"schema_version": {DIGITS}}}'],
    ids=["empty", "nested", "400 digits"],
)
def test_an_absurd_recorded_host_is_refused(qca, content):
    (qca.folder / "host.json").write_text(content)
    assert "host.json" in qca("doctor", "--facts", "host.json", check=2).stderr
