"""What Compose makes of `!reset` and `!override`, asked again of both versions."""

from pathlib import Path

import pytest

from tests.doctor.merge_cases import CASES, ask, recorded
from tests.testbed.fixtures import Engine


@pytest.mark.parametrize("name", CASES)
def test_compose_still_says_what_was_recorded(
    name: str, tmp_path: Path, engine: Engine, older_engine: Engine
) -> None:
    newest = ask(tmp_path, name, engine.environment)
    oldest = ask(tmp_path, name, older_engine.environment)

    assert newest == recorded()[name]
    assert oldest == newest
