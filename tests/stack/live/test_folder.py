"""The folder that the live probes use within the work folder."""

import os
from pathlib import Path

from infra.stack.live.folder import make_folder


def make_old(folder: Path) -> Path:
    folder.mkdir()
    (folder / "store.flags").write_text("--requirepass=x")
    os.utime(folder, (1, 1))
    return folder


def test_it_is_removed_with_its_contents(tmp_path: Path):
    with make_folder(tmp_path) as folder:
        (folder / "answer").write_text("x")
        assert folder.parent == tmp_path

    assert list(tmp_path.iterdir()) == []


def test_the_next_examination_removes_what_a_killed_one_left(tmp_path: Path):
    make_old(tmp_path / ".qca-deep-killed")
    running = tmp_path / ".qca-deep-running"
    running.mkdir()
    own = make_old(tmp_path / "deep")
    link = tmp_path / ".qca-deep-link"
    link.symlink_to(own)
    os.utime(link, (1, 1), follow_symlinks=False)

    with make_folder(tmp_path) as folder:
        assert set(tmp_path.iterdir()) == {folder, running, own, link}

    assert [path.name for path in own.iterdir()] == ["store.flags"]
