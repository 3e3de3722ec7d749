"""The files that a launch writes, so that `docker compose` alone can run them."""

import os
import stat

from ruamel.yaml import YAML

from infra.stack.launch_compose import Images, write_files
from infra.stack.plan import plan_stack
from infra.stack.run_storage import RunStorage
from infra.stack.secret import find_secret_owner
from infra.stack.state import StateDir
from qca.core.config import Config
from tests.support.hosts import PLUGIN, bare_host, engine

IMAGES = Images(store="example.com/dragonfly:v1.40.0@sha256:abc", trainer="qca-trainer:123")


def test_they_say_what_to_run_and_as_whom(tmp_path):
    state = StateDir(tmp_path)
    plan = plan_stack(bare_host(docker=engine(cpus=16), compose=PLUGIN), Config())
    write_files(plan, state, IMAGES, RunStorage(), tmp_path / "runs/first")
    content = YAML(typ="safe").load(state.compose_file.read_text())
    assert content["services"]["store"]["image"] == IMAGES.store
    variables = dict(line.split("=", 1) for line in state.env_file.read_text().splitlines())
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
