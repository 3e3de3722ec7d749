"""Both versions of Compose still treat `!reset` and `!override` as recorded."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_files
from infra.doctor.examined_files import confirm
from infra.host.deadline import Deadline
from infra.host.facts import ComposePlugin
from infra.host.probes import compose
from tests.support.merge_cases import CASES, ask, read_recorded, summarize_file, write_case
from tests.testbed.fixtures import Engine

pytestmark = pytest.mark.reads_engine


@pytest.mark.parametrize("name", CASES)
def test_compose_still_prints_the_recorded_output(
    name: str, tmp_path: Path, engine: Engine, older_engine: Engine
) -> None:
    newest = ask(tmp_path, name, engine.environment)
    oldest = ask(tmp_path, name, older_engine.environment)

    assert newest == read_recorded()[name]
    assert oldest == newest


@pytest.mark.parametrize(
    "name",
    [
        "cpus is reset",
        "from one place to the other",
        "env_file is overridden",
        "volumes are overridden",
        "over what is included",
        "all services are overridden",
    ],
)
def test_composes_answer_gets_our_positions(
    name: str, tmp_path: Path, engine: Engine, engine_environment: Engine
) -> None:
    paths = write_case(tmp_path, name)
    with Deadline(20) as limit:
        plugin = compose.probe(limit)
    assert isinstance(plugin, ComposePlugin)

    own = read_compose_files(paths, {})
    told = confirm(own, paths, plugin, engine.environment)

    assert told.confirmed_by
    assert summarize_file(told) == summarize_file(own) == read_recorded()[name]
    assert [one.settings for one in told.services] == [one.settings for one in own.services]
