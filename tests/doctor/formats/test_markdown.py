"""The report as a block for a bug report."""

import re
from dataclasses import replace
from pathlib import Path

from infra.doctor.examine import examine
from infra.host.recording import load
from tests.support.doctor_reports import write_markdown
from tests.support.hosts import SEEDS_STACK, config, host, no_engine, seeds_laptop


def test_markdown_is_one_block_that_replays_the_host(tmp_path):
    facts = seeds_laptop()
    text = write_markdown(examine(facts, config(SEEDS_STACK)), facts)

    (recorded,) = re.findall(r"```json\n(.*?)```", text, re.S)
    (tmp_path / "host.json").write_text(recorded)
    assert load(tmp_path / "host.json") == facts
    assert "Not supported URL scheme http+docker" in " ".join(text.split())
    assert "qca doctor --facts host.json" in text
    assert text.startswith("### qca doctor 1.2.3\n")


def test_markdown_is_anonymous_and_no_text_closes_its_fence():
    home = str(Path.home())
    refused = no_engine("bad-host")
    address = "tcp://user:hunter2@machine.example:2375"
    facts = host(docker=replace(refused, host=address, detail=f"{home}/x ````` <b>"))

    text = write_markdown(examine(facts, config()), facts)

    assert "hunter2" not in text
    assert "machine.example" not in text
    assert f"{home}/x" not in text
    for fence in re.findall(r"^(`{3,})text$", text, re.M):
        assert len(fence) > 5
