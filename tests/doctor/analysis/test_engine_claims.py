"""The container names and subnets that a project claims, and who else has them."""

from pathlib import Path

from infra.compose_file.load import read_compose_file
from infra.compose_file.needs import EngineClaim
from infra.doctor.analysis.engine_claims import find_other_owner
from infra.host.facts import NO_ANSWERS, NOT_ASKED, EngineAnswers, Known

TEXT = (
    "name: mine\nservices:\n  a: {image: x, container_name: cache, networks: [n, m]}\n"
    "  b: {image: x, container_name: db}\n  c: {image: x, container_name: web, profiles: [p]}\n"
    "networks:\n  n: {ipam: {config: [{subnet: 172.28.0.0/16}]}}\n"
    "  m: {ipam: {config: [{subnet: 10.9.0.0/24}, {subnet: 'fd00::/64'}]}}\n"
    "  o: {external: true, ipam: {config: [{subnet: 10.1.0.0/16}]}}\n"
)
ANSWERS = EngineAnswers(
    containers=Known(value={"cache": "other", "db": "mine", "web": ""}),
    subnets=Known(
        value={
            "bridge": ("172.17.0.0/16",),
            "shop": ("172.28.9.0/24",),
            "mine_m": ("10.9.0.0/24",),
        }
    ),
)


def _list_claims(folder: Path, text: str = TEXT) -> tuple[EngineClaim, ...]:
    (folder / "compose.yml").write_text(text)
    return read_compose_file(folder / "compose.yml", {}).claims


def test_each_claim_has_its_other_owner(tmp_path):
    found = {one.value: find_other_owner(one, ANSWERS) for one in _list_claims(tmp_path)}

    assert found == {
        "cache": Known(value="of project other"),
        "db": Known(value=""),
        "172.28.0.0/16": Known(value="shop"),
        "10.9.0.0/24": Known(value=""),
        "fd00::/64": Known(value=""),
    }


def test_a_container_without_a_project_is_somebody_elses(tmp_path):
    (web,) = _list_claims(tmp_path, "services: {a: {image: x, container_name: web}}\n")

    assert find_other_owner(web, ANSWERS) == Known(value="that Compose did not create")


def test_a_file_without_fixed_names_claims_nothing(tmp_path):
    assert _list_claims(tmp_path, "services: {a: {image: x}}\n") == ()


def test_without_an_answer_of_the_engine_they_are_unknown(tmp_path):
    claims = _list_claims(tmp_path)

    assert [find_other_owner(one, NO_ANSWERS) for one in claims] == [NOT_ASKED] * 5
