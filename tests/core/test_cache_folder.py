from pathlib import Path

import pytest

from qca.core.cache_folder import find_cache_folder, keep_cached, read_cached


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "qca"


def test_by_default_the_cache_is_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_cache_folder() == tmp_path / ".cache" / "qca"


def test_each_key_keeps_its_own_value(folder: Path) -> None:
    keep_cached("sizes.json", "one", 1)
    keep_cached("sizes.json", "two", [2.5, "x"])
    keep_cached("sizes.json", "one", 3)
    assert (read_cached("sizes.json", "one"), read_cached("sizes.json", "two")) == (3, [2.5, "x"])
    assert read_cached("sizes.json", "three") is None
    assert read_cached("others.json", "one") is None


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", "\udcff"])
def test_a_damaged_file_is_ignored_and_replaced(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "sizes.json").write_bytes(content.encode(errors="surrogateescape"))
    assert read_cached("sizes.json", "one") is None
    keep_cached("sizes.json", "one", 1)
    assert read_cached("sizes.json", "one") == 1


def test_an_unwritable_folder_is_ignored(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_cached("sizes.json", "one", 1)
    assert read_cached("sizes.json", "one") is None
