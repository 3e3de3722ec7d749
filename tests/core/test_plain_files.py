"""Only plain files are opened; the error names the kind of any other file."""

import os
import socket
from pathlib import Path

import pytest

from qca.core.plain_files import check_own_folder, open_plain, read_plain


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


KINDS = {
    "a named pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": make_socket,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["rb", "wb", "ab", "a+b", "r+b"])
def test_anything_but_a_plain_file_is_refused_immediately_with_its_kind(
    tmp_path, monkeypatch, kind, mode
):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    KINDS[kind](Path("odd"))
    with pytest.raises(OSError, match=f"{kind}, not a plain file"):
        open_plain(Path("odd"), mode)


@pytest.mark.parametrize("mode", ["rb", "wb", "ab", "a+b", "r+b"])
def test_a_link_is_followed_only_on_request(tmp_path, mode):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("precious")
    link.symlink_to(target)
    with pytest.raises(OSError, match="a symbolic link, not a plain file"):
        open_plain(link, mode, follow=False)
    assert target.read_text() == "precious"
    open_plain(link, mode).close()


def test_a_dangling_link_creates_no_file_elsewhere(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a symbolic link"):
        open_plain(tmp_path / "link", "ab", follow=False)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1024)
    assert read_plain(path, limit=1024) == b"x" * 1024
    with pytest.raises(OSError, match="larger than 1023 B"):
        read_plain(path, limit=1023)


def test_opening_a_file_for_writing_truncates_it(tmp_path):
    path = tmp_path / "file"
    path.write_text("old and long")
    with open_plain(path, "wb") as file:
        file.write(b"new")
    assert path.read_text() == "new"


def test_links_and_files_are_not_own_folders(tmp_path):
    check_own_folder(tmp_path / "absent")
    check_own_folder(tmp_path, owned=True)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="a symbolic link, not a folder"):
        check_own_folder(tmp_path / "link")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="a plain file, not a folder"):
        check_own_folder(tmp_path / "file")


def test_another_users_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(OSError, match="belongs to user"):
        check_own_folder(tmp_path, owned=True)
