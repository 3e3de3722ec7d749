"""The store's password file: its readers, and the files that are refused."""

import os
import stat

import pytest

from infra.stack import secret
from infra.stack.secret import DRAGONFLY_UID, check_secret, ensure_secret, find_secret_owner
from qca.core.errors import InputError
from qca.store.client import read_password


@pytest.fixture(params=["root", "an ordinary user"])
def starter(request, monkeypatch) -> int:
    """Set the user who starts the stack; return the user of the containers."""
    if request.param == "root":
        if os.geteuid() != 0:
            pytest.skip("only root can give a file away")
        return DRAGONFLY_UID
    if os.geteuid() != 0:
        return os.getuid()
    # In the same process, the calls that return the user report another one.
    monkeypatch.setattr(secret.os, "getuid", lambda: 12345)
    monkeypatch.setattr(secret.os, "getgid", lambda: 54321)
    return 12345


def test_only_the_containers_user_can_read_it(starter, tmp_path):
    path = tmp_path / "store.flags"
    ensure_secret(path)
    if starter == 12345:
        os.chown(path, 12345, 54321)  # as that user's own process would have created it
    found = path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o400
    assert found.st_uid == find_secret_owner()[0] == starter
    check_secret(path)
    assert len(read_password(path)) == 64


def test_an_existing_file_is_kept(tmp_path):
    path = tmp_path / "store.flags"
    ensure_secret(path)
    before = read_password(path)
    ensure_secret(path)
    assert read_password(path) == before


def test_a_missing_file_is_fine(tmp_path):
    check_secret(tmp_path / "store.flags")


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o420])
def test_a_file_that_others_can_access_is_refused(mode, tmp_path):
    path = tmp_path / "store.flags"
    ensure_secret(path)
    path.chmod(mode)
    with pytest.raises(InputError, match="other users can read"):
        ensure_secret(path)


def test_a_file_that_the_containers_cannot_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "store.flags"
    ensure_secret(path)
    monkeypatch.setattr(secret, "find_secret_owner", lambda: (4711, 4711))
    with pytest.raises(InputError, match="the containers run as user 4711"):
        check_secret(path)


def test_anything_but_a_file_is_refused(tmp_path):
    (tmp_path / "store.flags").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="not a plain file"):
        check_secret(tmp_path / "store.flags")
