"""The recorded hosts are readable, describe themselves, and name no users."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from infra.host.anonymize import Identity
from infra.host.facts import HostFacts, Known, live
from infra.host.recording import load, record

FOLDER = Path(__file__).parent.parent / "hosts"
HOSTS = sorted(FOLDER.glob("*.json"))
STATES = {"state", "kind", "memory_repair"}
NOBODY = Identity(home="", users=(), hosts=())


def list_states() -> set[str]:
    """Return every state and kind in the recorded hosts."""
    text = "\n".join(path.read_text() for path in HOSTS)
    return set(re.findall(rf'"(?:{"|".join(STATES)})": "([^"]+)"', text))


def test_there_are_hosts() -> None:
    assert len(HOSTS) >= 30
    recorded = [path for path in HOSTS if '"about": "Recorded' in path.read_text()]
    assert len(recorded) >= 12


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: path.stem)
def test_a_host_survives_the_round_trip(path: Path, tmp_path: Path) -> None:
    facts = load(path)
    assert facts.about.startswith(("Recorded", "Written by hand: "))
    written, old = record(facts, NOBODY), json.loads(path.read_text())
    copy = tmp_path / "copy.json"
    copy.write_text(written)
    assert load(copy) == facts
    assert _keep_keys(json.loads(written), old) == old


def _keep_keys(written: Any, old: Any) -> Any:
    """Return the written facts without those that an older version did not record."""
    if isinstance(written, dict) and isinstance(old, dict):
        return {key: _keep_keys(one, old[key]) for key, one in written.items() if key in old}
    if isinstance(written, list) and isinstance(old, list):
        return [_keep_keys(*pair) for pair in zip(written, old, strict=True)]
    return written


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: path.stem)
def test_no_home_folder_is_named(path: Path) -> None:
    assert not re.search(r"/(home|Users)/|/root\b", path.read_text())


def test_the_readme_lists_every_host() -> None:
    listed = re.findall(r"^\| `([^`]+)` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in HOSTS)


def test_together_they_show_every_state() -> None:
    known: set[str] = set()
    for name, definition in TypeAdapter(HostFacts).json_schema()["$defs"].items():
        if hasattr(live, name):
            continue  # the facts of `--deep` have their own tests
        for key in STATES & definition.get("properties", {}).keys():
            known |= _list_values(definition["properties"][key])
    assert known == list_states()


def _list_values(schema: dict[str, Any]) -> set[str]:
    """Return the string values that a JSON schema allows."""
    found = re.findall(r'"(?:enum|const)": (\[[^]]*\]|"[^"]*")', json.dumps(schema))
    parsed = [json.loads(values) for values in found]
    return {text for one in parsed for text in ([one] if isinstance(one, str) else one)}


def test_the_seeds_laptop_has_the_seeds_numbers() -> None:
    facts = load(FOLDER / "seed-laptop.json")
    assert isinstance(facts.cpu, Known)
    assert facts.cpu.value.usable == 16
    assert isinstance(facts.gpu, Known)
    assert facts.gpu.value.state == "driver"
    (gpu,) = facts.gpu.value.gpus
    assert f"{gpu.memory_total / 2**30:.2f}" == "3.68"
    assert gpu.memory_free == 11.75 * 2**20
    assert isinstance(facts.docker_compose, Known)
    assert facts.docker_compose.value.kind == "v1"
    libraries = facts.docker_compose.value.libraries
    assert {name: one.version for name, one in libraries.items()} == {
        "docker": "5.0.3",
        "requests": "2.32.5",
        "urllib3": "2.5.0",
        "PyYAML": "5.4.1",
    }
    assert [name for name, one in libraries.items() if one.user_site] == ["requests", "urllib3"]
