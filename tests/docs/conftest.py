import re
from pathlib import Path

import pytest

from tests.support.pages import ROOT, read_page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the pages for newcomers use: the recorded hosts, and a Compose
    file."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "hosts").symlink_to(ROOT / "tests" / "hosts")
    page = read_page("your-compose-file")
    [file] = re.findall(r"^```yaml\n(services:.*?)^```", page, re.M | re.S)
    (tmp_path / "docker-compose.yml").write_text(file)
    return tmp_path
