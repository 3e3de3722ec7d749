"""The engine is asked who has the container names and subnets that a project fixes."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_file
from infra.compose_file.model import ComposeFile
from infra.doctor.analysis.engine_claims import look_up_claims
from infra.host.probes.engine_resources import prepare_container_list
from tests.support.fake_programs import write_program

TEXT = (
    "name: mine\nservices:\n  a: {image: x, container_name: cache, networks: [n, m]}\n"
    "  b: {image: x, container_name: db}\n  c: {image: x, container_name: web, profiles: [p]}\n"
    "networks:\n  n: {ipam: {config: [{subnet: 172.28.0.0/16}]}}\n"
    "  m: {ipam: {config: [{subnet: 10.9.0.0/24}, {subnet: 'fd00::/64'}]}}\n"
    "  o: {external: true, ipam: {config: [{subnet: 10.1.0.0/16}]}}\n"
)
ANSWERS = """case "$1 $2" in
"ps --all") printf 'cache\\tother\\ndb\\tmine\\nweb\\t\\n' ;;
"network ls") echo 1; echo 2; echo 3 ;;
"network inspect")
    printf 'bridge\\t172.17.0.0/16\\nshop\\t172.28.9.0/24\\n'
    printf 'mine_m\\t10.9.0.0/24\\n' ;;
esac"""


def _look_up(folder: Path, script: str, text: str = TEXT) -> ComposeFile:
    (folder / "compose.yml").write_text(text)
    program = write_program(folder / "docker", f"echo $1 $2 >> {folder}/asked\n{script}")
    file = read_compose_file(folder / "compose.yml", {})
    environment = {"PATH": "/usr/bin:/bin"}
    containers = prepare_container_list(str(program), environment)
    return look_up_claims(file, str(program), environment, containers)


def test_each_claim_has_its_other_owner(tmp_path):
    file = _look_up(tmp_path, ANSWERS)

    assert {(one.value, one.taken_by) for one in file.claims} == {
        ("cache", "of project other"),
        ("db", ""),
        ("172.28.0.0/16", "shop"),
        ("10.9.0.0/24", ""),
        ("fd00::/64", ""),
    }


def test_a_container_without_a_project_is_somebody_elses(tmp_path):
    file = _look_up(tmp_path, ANSWERS, TEXT.replace(", profiles: [p]", ""))

    assert [one.taken_by for one in file.claims if one.value == "web"] == [
        "that Compose did not create"
    ]


def test_a_file_without_claims_asks_nothing(tmp_path):
    file = _look_up(tmp_path, ANSWERS, "services: {a: {image: x}}\n")

    assert file.claims == ()
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("script", ["echo Cannot connect >&2; exit 1", "exit 1"])
def test_without_an_answer_of_the_engine_they_are_unknown(tmp_path, script):
    file = _look_up(tmp_path, script)

    assert {one.taken_by for one in file.claims} == {None}
    assert all(one.unknown_because for one in file.claims)
