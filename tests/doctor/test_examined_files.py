"""The engine is asked about the files that the doctor examines, and each question only once."""

import pytest

from infra.doctor.examined_files import read_examined_files
from infra.host.facts import ComposePlugin
from tests.support.fake_programs import write_program

TEXT = (
    "name: mine\nservices:\n  a: {image: x, container_name: cache, network_mode: 'container:vpn'}\n"
)


@pytest.mark.parametrize("answer", ["printf 'cache\\tother\\nvpn\\t\\n'", "exit 1"])
def test_the_containers_are_listed_once_for_their_names_and_for_others(tmp_path, answer):
    (tmp_path / "compose.yml").write_text(TEXT)
    script = f'echo "$1" >> {tmp_path}/asked\ncase "$1" in ps) {answer} ;; esac'
    client = write_program(tmp_path / "docker", script)
    plugin = ComposePlugin(version="2.40.3", docker_client=str(client))

    file = read_examined_files([tmp_path / "compose.yml"], {"PATH": "/usr/bin:/bin"}, plugin)

    assert (tmp_path / "asked").read_text().split() == ["compose", "ps"]
    (claim,), (vpn,) = file.claims, file.externals
    is_known = answer != "exit 1"
    assert claim.taken_by == ("of project other" if is_known else None)
    assert vpn.is_there == (True if is_known else None)
