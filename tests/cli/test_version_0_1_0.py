"""The commands of this version read the runs of version 0.1.0."""

import json
import shutil
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from qca.core.config_loader import load_config
from qca.core.units import GIB, parse_size

TESTS = Path(__file__).parents[1]
RUNS = TESTS / "data" / "run-0.1.0"
HOST = TESTS / "hosts" / "cpu-engine.json"  # recorded by 0.1.0


@pytest.fixture
def continuable(qca):
    """The program in a folder with the runs of 0.1.0."""
    shutil.copytree(RUNS, qca.folder / "runs")
    return qca


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("finished", "6 of 6 episodes"),
        ("stopped", "3 of 60 episodes"),
        ("skipped", "produced a number that is not finite"),
    ],
)
def test_a_run_gets_its_page(continuable, run, words):
    continuable("report", run, "--facts", HOST)
    assert words in (continuable.folder / "runs" / run / "report.html").read_text()


def test_a_stopped_run_is_resumed_and_completed(continuable):
    folder = continuable.folder / "runs" / "stopped"
    before = (folder / "metrics.jsonl").read_bytes()
    config = json.loads((folder / "config.json").read_text()) | {"episodes": 5}
    given = {key: value for key, value in config.items() if value is not None}
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in given.items()]
    continuable("train", "--resume", *flags)
    after = (folder / "metrics.jsonl").read_bytes()
    assert after.startswith(before)
    episodes = [json.loads(line)["episode"] for line in after.splitlines()]
    assert episodes == [1, 2, 3, 4, 5]
    last = json.loads((folder / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["reason"]) == ("finished", "complete")


def test_a_configuration_with_every_key_is_accepted():
    file = TESTS / "data" / "qca-0.1.0.toml"
    written = tomllib.loads(file.read_text())
    config = load_config(file, environment={})
    read = {"stack": asdict(config.stack), "train": asdict(config.train)}
    written["stack"] |= {"maxmemory": 2 * GIB, "ca_bundle": Path("company.pem")}
    written["train"] |= {"budget": parse_size("3.68GiB")}
    for table, values in written.items():
        assert {key: read[table][key] for key in values} == values


def test_a_recorded_host_is_checked(qca):
    python = json.loads(HOST.read_text())["python"]["value"]
    assert python["distributions"]["qca"] == "0.1.0"
    document = json.loads(qca("doctor", "--facts", HOST, "--format", "json").stdout)
    assert document["summary"]["error"] == 0
