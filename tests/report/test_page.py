"""The content of the page; `test_browser` tests its appearance."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qca.report.formatting import format_duration, format_time, render_prose
from qca.report.page import render_page
from qca.report.timeline import Entry, build_timeline
from qca.runs.run import read_run
from tests.report.conftest import NOW, describe_recorded_host
from tests.support.html_page import Page
from tests.support.run_folders import (
    complete_run,
    event,
    eventful_run,
    finish_event,
    record,
    skip_event,
    start_event,
    write_run,
)


@pytest.fixture(scope="module")
def render(host):
    return lambda folder: render_page(read_run(folder), host, NOW)


@pytest.fixture(scope="module")
def complete_page(render, tmp_path_factory) -> str:
    return render(complete_run(tmp_path_factory.mktemp("runs") / "first"))


@pytest.fixture(scope="module")
def eventful_page(render, tmp_path_factory) -> str:
    return render(eventful_run(tmp_path_factory.mktemp("runs") / "long"))


def test_a_complete_run(complete_page):
    shown = Page(complete_page)
    for words in (
        "first complete",
        "6 of 6 episodes",
        "From 4 in episode 1 to 0.6667 in episode 6; the best is 0.6667 in episode 6.",
        "survival 0.4 to 0.0667; symmetry 0.01 to 0.01; complexity 2 to 2",
        "clipped to 1 in 6 of 6 episodes",
        "Median 10 steps per second",
        "it ends at 300 MiB",
        "of the predicted",
        "One rollout of 5 steps",
        "Started 3 Feb 2026, 04:05:06 UTC. Ended 3 Feb 2026, 04:05:06 UTC.",
    ):
        assert words in shown.text
    assert "not finished" not in shown.text


@pytest.mark.parametrize(
    ("episodes", "events", "words"),
    [
        (4, [start_event(), finish_event(4, "stopped")], "not finished: it was stopped"),
        (4, [start_event()], "not finished: its process or its machine was killed"),
        (0, [], "has not finished an episode yet"),
    ],
)
def test_an_unfinished_run_says_so(render, tmp_path, episodes, events, words):
    made = map(record, range(1, episodes + 1))
    shown = Page(render(write_run(tmp_path / "first", made, events=events)))
    assert words in shown.text
    assert f"{episodes} of 6 episodes" in shown.text
    assert "no pictures of the state" in shown.text


def test_the_events_of_a_run_are_shown(eventful_page):
    shown = Page(eventful_page)
    for words in (
        "The run was resumed 1 time.",
        "3 episodes produced a number that is not finite",
        "2 checkpoints, the last: checkpoint of episode 100",
        "2 episodes skipped, the last: episode 41 skipped",
        "Episode 130 skipped the loss is nan",
        "Episode 120 repeated with recompute step",
        "CUDA graphs cannot be used here",
        "Something younger answer 42",
        "Stopped, with a checkpoint 160 episodes",
    ):
        assert words in shown.text


def read_timeline(folder: Path, events: list[dict[str, Any]]) -> list[Entry]:
    return list(build_timeline(read_run(write_run(folder, [], events=events)).journal))


def test_the_number_of_processes_is_shown(tmp_path):
    [together] = read_timeline(tmp_path, [start_event(processes=2)])
    assert together.text == "On cpu in 2 processes, fp32, recompute step"


def test_repeated_episodes_are_marked(tmp_path):
    timeline = read_timeline(
        tmp_path,
        [
            start_event(),
            skip_event(2),
            event("checkpoint", episode=3, path="x"),
            skip_event(4),
            start_event(first=4, made_again_until=5, warnings=["a warning"]),
            skip_event(4),
        ],
    )
    assert [entry.title for entry in timeline] == [
        "Started",
        "Episode 2 skipped",
        "Checkpoint of episode 3",
        "Episode 4 skipped and repeated later",
        "Resumed at episode 4",
        "Episode 4 skipped",
    ]
    assert timeline[4].text == (
        "On cpu, fp32, recompute step. Episodes 4 to 5 were trained after the last intact "
        "checkpoint and are repeated. a warning"
    )


def test_the_findings_and_the_plan_with_its_reasons(complete_page, host):
    shown = Page(complete_page)
    for finding in host.findings:
        assert finding.id in shown.text
    worst = next(one for one in host.findings if one.severity == "error")
    assert worst.title.replace("`", "") in shown.text
    assert all(command in shown.text for command in worst.remedies[0].commands)
    for because in host.plan.reasons.values():
        assert host.clean(because).replace("`", "") in shown.text
    assert host.plan.device in shown.text


def test_an_unknown_fact_is_skipped_and_never_passed(tmp_path):
    unknown = describe_recorded_host("all-unknown")
    skipped = [one for one in unknown.findings if one.severity == "skipped"]
    shown = Page(render_page(read_run(write_run(tmp_path / "run", [])), unknown, NOW))
    assert f"Skipped: {len(skipped)}" in shown.text
    assert "Budget the device's free memory unknown" in shown.text


def test_it_loads_nothing_and_runs_nothing(complete_page, eventful_page):
    for text in (complete_page, eventful_page):
        assert Page(text).loads == []
        assert "<script" not in text
        assert "url(http" not in text
        assert "default-src 'none'" in text


def test_every_id_is_unique(eventful_page):
    ids = Page(eventful_page).ids
    assert sorted(ids) == sorted(set(ids))


def test_letters_of_the_charts_are_text(complete_page):
    assert len(re.findall(r"<text[^>]*>episode</text>", complete_page)) == 9


def test_the_same_run_gives_the_same_page(render, complete_page, tmp_path):
    assert render(complete_run(tmp_path / "first")) == complete_page


def test_texts_of_files_are_escaped_and_name_no_person(render, tmp_path):
    evil = "<script>alert(1)</script>"
    home = "/home/erika/.cache is full"
    events = [start_event(), event("noted", message=evil + home), event(evil, answer=evil)]
    made = [record(n, components={evil: 1.0}) for n in (1, 2)]
    text = render(write_run(tmp_path / "run", made, events=events))
    assert evil not in text
    assert Page(text).text.count(evil) >= 4
    assert "is full" in text
    assert "erika" not in text


@pytest.mark.parametrize(
    "records",
    [
        [record(1)],
        [record(n, loss=0, components={}, memory_bytes=0, steps_per_second=0) for n in (1, 2)],
        [record(1, loss=-3.0, seconds=1e9), record(2, loss=1e300, reserved_bytes=5)],
        [record(10**9, loss=1e-300), record(10**9 + 1, loss=1e-12, components={"new": 1.0})],
        [record(n) for n in range(1, 2000)],
    ],
    ids=["one", "zero", "huge", "tiny", "many"],
)
def test_any_numbers_can_be_shown(render, tmp_path, records):
    shown = Page(render(write_run(tmp_path / "run", records)))
    assert "From" in shown.text
    assert "nan" not in shown.text.split()


def test_consecutive_checkpoints_are_one_expandable_entry(tmp_path):
    checkpoints = [event("checkpoint", episode=n, path="x") for n in (50, 100, 150)]
    [gathered] = read_timeline(tmp_path, checkpoints)
    assert gathered.title == "3 checkpoints, the last: checkpoint of episode 150"
    assert gathered.inner[0].title == "Checkpoint of episode 50"


@pytest.mark.parametrize(
    ("formatted", "expected"),
    [
        (format_duration(0.41), "0.41 s"),
        (format_duration(99), "99 s"),
        (format_duration(600), "10 min"),
        (format_duration(7200), "2.0 h"),
        (format_time("2026-02-03T04:05:06+01:00"), "3 Feb 2026, 03:05:06 UTC"),
        (format_time("yesterday"), "yesterday"),
        (render_prose("run `qca plan` <now>"), "run <code>qca plan</code> &lt;now&gt;"),
        (render_prose("a lone ` stays"), "a lone ` stays"),
    ],
)
def test_formatting(formatted, expected):
    assert formatted == expected


def test_a_report_needs_no_torch():
    probe = "import sys, qca.report.page; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_a_rate_set_by_the_user_is_not_reported_as_halved(render, tmp_path):
    change = event(
        "config-changed",
        episode=51,
        before={"learning_rate": 1e-4, "loss": "structure"},
        now={"learning_rate": 0.01, "loss": "evolutionary"},
    )
    rates = {**dict.fromkeys(range(1, 51), 1e-4), **dict.fromkeys(range(51, 81), 0.01)}
    rates |= dict.fromkeys(range(81, 101), 0.005)
    folder = write_run(
        tmp_path / "first",
        [record(n, learning_rate=rate) for n, rate in rates.items()],
        events=[start_event(), start_event(51), change, finish_event(100)],
        episodes=100,
    )
    text = Page(render(folder)).text
    assert (
        "halved 1 time, when the loss stalled; set from 0.0001 to 0.01 starting with episode 51"
        in text
    )
    assert "The loss is evolutionary from episode 51 on, and structure before" in text
    assert "Configuration changed at episode 51" in text


def test_a_damaged_change_is_only_listed(render, tmp_path):
    change = event("config-changed", episode=51, before={}, now={"loss": "b", "learning_rate": 1})
    folder = write_run(tmp_path / "first", [record(1)], events=[start_event(), change])
    text = Page(render(folder)).text
    assert "Config changed episode 51, before {}" in text


def test_a_change_whose_episodes_were_repeated_does_not_count(tmp_path):
    change = event("config-changed", episode=51, before={"loss": "a"}, now={"loss": "b"})
    events = [start_event(), start_event(51), change, start_event(31)]
    assert read_run(write_run(tmp_path / "first", [record(1)], events=events)).config_changes == []
