"""The expected values of `reading_cases` match the Compose of the test bed."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.reading_cases import REFUSED, TAKEN, write_service
from tests.testbed.fixtures import Engine

pytestmark = pytest.mark.reads_engine


def _ask(path: Path, text: str, engine: Engine) -> subprocess.CompletedProcess[str]:
    path.write_text(text)
    return subprocess.run(
        ["docker", "compose", "-f", str(path), "config", "--format", "json"],
        env=dict(engine.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_values(tmp_path: Path, engine: Engine) -> None:
    """All files are read at once, since starting Compose takes longer than reading a file."""
    services = {
        name: write_service(keys).replace("image: x\n    image", "image")
        for name, (keys, _, _) in TAKEN.items()
    }
    texts = [
        text.replace("services:\n  a:", f"  s{number}:")
        for number, text in enumerate(services.values())
    ]
    done = _ask(tmp_path / "compose.yml", "services:\n" + "".join(texts), engine)
    answered: dict[str, Any] = json.loads(done.stdout)["services"]

    for number, (name, (_, key, expected)) in enumerate(TAKEN.items()):
        assert answered[f"s{number}"][key] == expected, name


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path, engine: Engine) -> None:
    text, _, words = REFUSED[name]

    done = _ask(tmp_path / "compose.yml", text, engine)

    assert done.returncode != 0
    assert words.lower() in done.stderr.lower()  # capitals differ by release
