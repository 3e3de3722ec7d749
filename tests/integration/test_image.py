"""The trainer image, built from Dockerfile.cuda as `qca up` builds it."""

import json
import os
import re

import pytest

from infra.stack.image import (
    PROJECT_LABEL,
    compute_image_name,
    has_image,
    list_context,
    pin_digest,
    remove_older_images,
)
from tests.support.image_registry import registry
from tests.support.stack import trainer_image
from tests.testbed.fixtures import Engine

BUNDLE = "ca-bundle.crt"


@pytest.fixture(scope="module")
def image(engine: Engine, settings: dict[str, str]) -> str:
    return trainer_image(engine, settings)


def inside(engine: Engine, image: str, *command: str, entrypoint: str = "sh") -> str:
    return engine.run("run", "--rm", "--entrypoint", entrypoint, image, *command).stdout


@pytest.fixture(scope="module")
def config(engine: Engine, image: str) -> dict:
    return json.loads(engine.run("image", "inspect", image).stdout)[0]["Config"]


def test_it_runs_as_an_ordinary_user(engine, image, config):
    assert config["User"].split(":")[0].isdecimal()
    assert int(inside(engine, image, "-c", "id -u")) > 0


def test_it_has_a_working_health_check(config):
    check = config["Healthcheck"]
    assert check["Test"][:4] == ["CMD", "python", "-m", "qca.runs.health"]
    assert min(check["Interval"], check["Timeout"], check["StartPeriod"], check["Retries"]) > 0


def test_it_starts_the_trainer(engine, image):
    said = inside(engine, image, "-m", "qca", "train", "--help", entrypoint="python")
    assert said.startswith("Usage: ")


def test_any_user_may_own_a_run(engine, image):
    told = engine.run(
        *("run", "--rm", "--user", "12345:12345", "--entrypoint", "sh", image),
        *("-c", "touch /runs/mine && stat -c %a /runs"),
    )
    assert told.stdout == "1777\n"


def test_the_ca_bundle_of_the_build_is_not_in_it(engine, image):
    found = inside(engine, image, "-c", f"find / -xdev -name '{BUNDLE}' 2>/dev/null; true")
    assert found == ""


def test_its_history_and_settings_contain_no_secret(engine, image, config):
    history = engine.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    words = (history + json.dumps(config)).lower()
    assert "qca" in words
    for secret in ("requirepass", "password", "token", "pip_cert", "proxy", BUNDLE):
        assert secret not in words


def test_it_adds_little_to_its_base(engine, image, settings):
    """The image adds only the program and what the base lacks: no second torch, no caches."""
    sizes = [
        int(engine.run("image", "inspect", "--format", "{{.Size}}", name).stdout)
        for name in (image, settings["QCA_STACK_BASE_IMAGE"])
    ]
    assert sizes[0] - sizes[1] < 100_000_000


def test_only_the_source_changes_the_name(tmp_path):
    context, arguments = list_context(), {"BASE_IMAGE": "debian"}
    assert BUNDLE not in context
    name = compute_image_name(context, arguments)
    assert compute_image_name(context, {"BASE_IMAGE": "alpine"}) != name
    (tmp_path / "units.py").write_text("")
    changed = {**context, "qca/core/units.py": tmp_path / "units.py"}
    assert compute_image_name(changed, arguments) != name


def test_a_projects_next_image_replaces_the_last(engine, engine_environment, tmp_path):
    """Only the project's own images are removed, and none that a container uses."""
    names = {}
    for name, project in [("old", "a"), ("used", "a"), ("new", "a"), ("others", "b")]:
        names[name] = f"qca-trainer:test-{os.getpid()}-{name}"
        (tmp_path / "Dockerfile").write_text(f"FROM {engine.images.tiny}\nLABEL which={name}\n")
        label = f"{PROJECT_LABEL}=test-{os.getpid()}-{project}"
        engine.run("build", "-q", "-t", names[name], f"--label={label}", str(tmp_path))
    container = engine.run("create", names["used"], "true").stdout.strip()
    try:
        remove_older_images(names["new"], f"test-{os.getpid()}-a")
        left = engine.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        assert set(left) & set(names.values()) == {names[one] for one in ("used", "new", "others")}
    finally:
        engine.run("rm", container)
        engine.run("image", "rm", *(names[one] for one in ("used", "new", "others")))


def test_an_image_is_pinned_by_its_digest(engine, engine_environment):
    """The digest is known once the image has been in a registry, and then also without one."""
    with registry() as host:
        name = f"{host}/mirror/tiny:v1"
        engine.run("tag", engine.images.tiny, name)
        try:
            assert pin_digest(name) == name
            engine.run("push", name)
            found = pin_digest(name)
            assert re.fullmatch(rf"{re.escape(name)}@sha256:[0-9a-f]{{64}}", found)
            assert pin_digest(found) == found
            assert has_image(found)
        finally:
            engine.run("rmi", name)
    assert pin_digest(engine.images.tiny) == engine.images.tiny  # built here, so no registry has it
