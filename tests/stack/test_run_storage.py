"""The storage of a run and the user of the containers, depending on the engine."""

import os
from pathlib import PurePath

import pytest

from infra.stack import run_storage
from infra.stack.compose_document import STORE_FLAGS, build_compose_document
from infra.stack.plan import plan_stack
from infra.stack.run_storage import RunStorage, ensure_run_folder, plan_storage
from infra.stack.secret import find_secret_owner
from qca.core.config import Config
from qca.core.errors import LaunchError
from tests.support.hosts import bare_host, engine, no_engine

PLAN = plan_stack(bare_host(), Config())


@pytest.mark.parametrize(
    ("docker", "storage"),
    [
        (engine(), RunStorage()),
        (no_engine("not-running"), RunStorage()),
        (engine(operating_system="Docker Desktop"), RunStorage()),
        (engine(host="tcp://far:2376"), RunStorage(volume="qca_runs")),
        (engine(host="ssh://far"), RunStorage(volume="qca_runs")),
        (engine(security_options=("name=rootless",)), RunStorage(is_rootless=True)),
        (engine(security_options=("name=userns",)), RunStorage(is_remapped=True)),
        (engine(security_options=("name=selinux",)), RunStorage(has_selinux=True)),
    ],
)
def test_the_engine_decides(docker, storage):
    assert plan_storage(bare_host(docker=docker), "qca") == storage


def build_trainer(storage: RunStorage) -> dict:
    return build_compose_document(PLAN, storage)["services"]["trainer"]


def test_a_folder_is_mounted_and_never_created_by_the_engine():
    document = build_compose_document(PLAN, RunStorage())
    [mount] = document["services"]["trainer"]["volumes"]
    assert (mount["type"], mount["target"]) == ("bind", "/runs/first")
    assert mount["bind"] == {"create_host_path": False}
    assert "volumes" not in document


def test_a_folder_under_selinux_gets_the_label_of_containers():
    [mount] = build_trainer(RunStorage(has_selinux=True))["volumes"]
    assert mount["bind"]["selinux"] == "z"


@pytest.mark.parametrize("service", ["store", "trainer"])
def test_user_remapping_is_off_for_these_containers(service):
    document = build_compose_document(PLAN, RunStorage(is_remapped=True))
    assert document["services"][service]["userns_mode"] == "host"


@pytest.mark.parametrize(
    ("volume", "declared"),
    [("qca_runs", {}), ("other_runs", {"name": "other_runs", "external": True})],
)
def test_a_project_volume_is_created_and_another_one_is_used(volume, declared):
    document = build_compose_document(PLAN, RunStorage(volume=volume))
    assert document["volumes"]["runs"] == declared
    mount, _ = document["services"]["trainer"]["volumes"]
    assert mount == {"type": "volume", "source": "runs", "target": "/runs"}


@pytest.mark.parametrize("service", ["store", "trainer"])
def test_without_files_of_this_machine_the_password_is_in_a_volume(service):
    document = build_compose_document(PLAN, RunStorage(volume="qca_runs"))
    *_, mount = document["services"][service]["volumes"]
    assert (mount["source"], mount["target"]) == ("secret", str(PurePath(STORE_FLAGS).parent))
    assert mount["read_only"]
    assert document["volumes"]["secret"] == {"name": "qca_secret", "external": True}
    assert "secrets" not in document | document["services"][service]


def test_root_in_a_rootless_engine_is_the_user():
    assert RunStorage(is_rootless=True).find_container_user() == (0, 0)
    assert RunStorage().find_container_user() == find_secret_owner()


def test_the_folder_is_created_for_the_containers_user(tmp_path):
    folder, elsewhere = tmp_path / "runs" / "first", tmp_path / "victim"
    folder.mkdir(parents=True)
    elsewhere.touch()
    (folder / "metrics.jsonl").touch()
    (folder / "link").symlink_to(elsewhere)
    ensure_run_folder(folder)
    owner = find_secret_owner()[0]
    owners = {path.lstat().st_uid for path in (folder, *folder.iterdir())}
    assert owners == {owner}
    assert elsewhere.stat().st_uid == os.geteuid()


def test_a_link_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "first").symlink_to("/etc")
    with pytest.raises(LaunchError, match="a symbolic link"):
        ensure_run_folder(tmp_path / "first")


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(run_storage.os, "geteuid", lambda: 12345)
    monkeypatch.setattr(run_storage.os, "access", lambda *_: False)
    with pytest.raises(LaunchError, match="belongs to user"):
        ensure_run_folder(tmp_path / "first")
