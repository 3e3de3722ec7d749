"""Names and subnets that are taken on the real engine, and Compose's messages about them."""

import os
import subprocess
from pathlib import Path

from infra.compose_file.load import read_compose_file
from infra.doctor.analysis.engine_claims import find_other_owner
from infra.doctor.engine_questions import ask_engine
from infra.host.facts import known_or_none
from tests.testbed.fixtures import Engine


def _start(folder: Path, engine: Engine, text: str) -> tuple[dict[str, str | None], str]:
    """Return who has each claim of a file, and what `docker compose up` says."""
    path = folder / "compose.yaml"
    path.write_text(text)
    file = read_compose_file(path, engine.environment)
    answers = ask_engine([file], "docker", engine.environment)
    done = subprocess.run(
        ["docker", "compose", "-f", str(path), "up", "-d", "--pull", "never"],
        env=dict(engine.environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    owners = {one.value: known_or_none(find_other_owner(one, answers)) for one in file.claims}
    return owners, done.stderr


def test_a_container_name_of_another_is_taken(tmp_path: Path, engine_unchanged: Engine) -> None:
    engine, name = engine_unchanged, f"qca-test-name-{os.getpid()}"
    engine.run("create", "--name", name, engine.images.tiny)
    try:
        text = f"services: {{a: {{image: '{engine.images.tiny}', container_name: {name}}}}}\n"
        claims, error = _start(tmp_path, engine, f"name: {name}-b\n{text}")
    finally:
        engine.run("rm", name)
        subprocess.run(
            ["docker", "compose", "-p", f"{name}-b", "down"],
            env=dict(engine.environment),
            capture_output=True,
            check=True,
        )

    assert claims == {name: "that Compose did not create"}
    assert "Conflict. The container name" in error


def test_the_subnet_of_the_default_bridge_is_taken(
    tmp_path: Path, engine_unchanged: Engine
) -> None:
    subnet = engine_unchanged.run(
        "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}"
    ).stdout.strip()
    text = (
        f"name: qca-test-subnet-{os.getpid()}\n"
        f"services: {{a: {{image: '{engine_unchanged.images.tiny}', networks: [n]}}}}\n"
        f"networks: {{n: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}}}\n"
    )
    claims, error = _start(tmp_path, engine_unchanged, text)

    assert claims == {subnet: "bridge"}
    assert "Pool overlaps with other one on this address space" in error
