"""The files that a launch writes, with which `docker compose` alone can run the stack."""

import os
import stat

from ruamel.yaml import YAML

from infra.stack.launch_compose import Images, write_files
from infra.stack.plan import plan_stack
from infra.stack.run_storage import RunStorage
from infra.stack.secret import find_secret_owner
from infra.stack.state import StateFolder
from qca.core.config import Config
from tests.support.hosts import PLUGIN, bare_host, engine

IMAGES = Images(store="example.com/dragonfly:v1.40.0@sha256:abc", trainer="qca-trainer:123")


PLAN = plan_stack(bare_host(docker=engine(cpus=16), compose=PLUGIN), Config())


def read_variables(state: StateFolder) -> dict[str, str]:
    return dict(line.split("=", 1) for line in state.env_file.read_text().splitlines())


def test_the_files_contain_images_and_users(tmp_path):
    state = StateFolder(tmp_path)
    write_files(PLAN, state, IMAGES, RunStorage(), tmp_path / "runs/first")
    content = YAML(typ="safe").load(state.compose_file.read_text())
    assert content["services"]["store"]["image"] == IMAGES.store
    variables = read_variables(state)
    uid, gid = find_secret_owner()
    assert variables == {
        "COMPOSE_PROJECT_NAME": "qca",
        "QCA_TRAINER_IMAGE": IMAGES.trainer,
        "QCA_STORE_FLAGS": str(state.store_flags),
        "QCA_UID": str(uid),
        "QCA_GID": str(gid),
        "QCA_RUN_FOLDER": str(tmp_path / "runs/first"),
    }
    found = state.store_flags.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (uid, 0o400)
    assert os.access(state.store_flags, os.R_OK)


def test_an_engine_elsewhere_gets_no_paths_of_this_machine(tmp_path):
    state = StateFolder(tmp_path)
    write_files(PLAN, state, IMAGES, RunStorage(volume="qca_runs"), tmp_path / "runs/first")
    assert str(tmp_path) not in state.compose_file.read_text() + state.env_file.read_text()
    assert state.store_flags.exists()  # `launch_compose.start` copies it there
