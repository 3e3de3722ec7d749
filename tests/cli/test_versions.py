"""`qca --version`, alone and with `-v`."""

from dataclasses import replace

import pytest

from infra.host.facts import Known
from infra.host.recording import load
from qca.cli.versions import describe_versions
from qca.core.distribution import read_version
from tests.support.hosts import NO_PLUGIN, PLUGIN, PYTHON, engine, host, no_engine
from tests.support.loaded_modules import CLIENTS, TORCH, list_loaded_modules
from tests.support.pages import ROOT


def _describe(**facts: object) -> dict[str, str]:
    lines = describe_versions(host(**facts)).splitlines()
    return {line[:14].strip(): line[16:] for line in lines}


def test_every_part_has_its_version():
    versions = _describe(
        docker=engine(), compose=replace(PLUGIN, client_version="28.5.2"), python=PYTHON
    )

    assert versions["qca"] == read_version()
    assert versions["Python"] == PYTHON.version
    assert versions["torch"] == PYTHON.distributions["torch"]
    assert versions["Docker client"] == f"28.5.2 ({PLUGIN.docker_client})"
    assert versions["Docker Engine"].startswith("28.5.2, API 1.51 (unix://")
    assert versions["Docker Compose"] == "2.40.3"


def test_missing_and_unknown_parts_have_a_reason():
    without = _describe(docker=no_engine("not-running"), compose=NO_PLUGIN)
    unknown = _describe(docker="hung", compose="hung", python="hung")

    assert without["Docker Engine"].startswith("none: ")
    assert without["Docker Compose"] == f"none: {NO_PLUGIN.detail}"
    assert without["Docker client"].startswith("unknown: ")
    for part in ("Docker Engine", "Docker Compose", "Python"):
        assert unknown[part] == "unknown: hung"


@pytest.mark.parametrize("recorded", sorted((ROOT / "tests" / "hosts").glob("*.json")), ids=str)
def test_every_recorded_host_can_be_described(recorded):
    text = describe_versions(load(recorded))

    assert len(text.splitlines()) >= 5
    assert "None" not in text


@pytest.mark.parametrize("words", [("--version", "-v"), ("-v", "--version")])
def test_the_order_of_the_two_does_not_matter(qca, words):
    done = qca(*words)

    assert done.stdout.startswith("qca ")
    assert "\nDocker Engine" in done.stdout
    assert done.stderr == ""


def test_neither_form_loads_torch_and_the_short_one_no_docker():
    assert not list_loaded_modules("--version", "-v") & TORCH
    assert not list_loaded_modules("--version") & {*TORCH, *CLIENTS, "infra", "logging"}


def test_the_short_form_is_one_line(qca):
    assert qca("--version").stdout == f"qca, version {read_version()}\n"


def test_unknown_facts_do_not_affect_other_lines():
    facts = replace(host(), python=Known(value=replace(PYTHON, distributions={})))

    assert "torch           not installed" in describe_versions(facts)
