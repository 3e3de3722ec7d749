"""The engine is asked only what the files need, and each question only once."""

import json
from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_file
from infra.doctor.engine_questions import ask_engine
from infra.host.facts import (
    NO_ANSWERS,
    NOT_ASKED,
    EngineAnswers,
    ImageDetails,
    Known,
    Unknown,
)
from tests.support.fake_programs import write_program

NETWORK = "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {external: true}}\n"
VOLUME = "services: {a: {image: x, volumes: ['vol:/v']}}\nvolumes: {vol: {external: true}}\n"
CONTAINER = "services: {a: {image: x, network_mode: 'container:vpn'}}\n"
NAME = "services: {a: {image: x, container_name: cache}}\n"
SUBNET = (
    "services: {a: {image: x, networks: [n]}}\n"
    "networks: {n: {ipam: {config: [{subnet: 172.28.0.0/16}]}}}\n"
)
GPU = "services: {a: {image: 'x:1', gpus: all}}\n"
AWAITED = "services: {a: {image: 'x:1'}, b: {depends_on: {a: {condition: service_healthy}}}}\n"
CONFIG = {"Env": ["API_TOKEN=a=b", "CUDA_VERSION=12.8.1"], "Healthcheck": {"Test": ["CMD", "true"]}}
ANSWERS = f"""case "$1 $2" in
"ps --all") printf 'cache\\tother\\nvpn\\t\\n' ;;
"network ls") echo n ;;
"volume ls") echo vol ;;
"network inspect") printf 'n\\t172.17.0.0/16\\tfd00::/64\\nhost\\n' ;;
"image inspect") echo '{json.dumps([{"Config": CONFIG}])}' ;;
esac"""


def _ask(folder: Path, script: str, *texts: str) -> tuple[EngineAnswers, list[str]]:
    """Return the answers about files with these texts, and the questions."""
    client = write_program(folder / "docker", f'echo "$1 $2" >> {folder}/asked\n{script}')
    files = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.yaml"
        path.write_text(text)
        files.append(read_compose_file(path, {}))
    answers = ask_engine(files, str(client), {"PATH": "/usr/bin:/bin"})
    asked = folder / "asked"
    return answers, asked.read_text().splitlines() if asked.exists() else []


PROJECTS = {"cache": "other", "vpn": ""}
DETAILS = ImageDetails({"CUDA_VERSION": "12.8.1"}, has_health_check=True)


@pytest.mark.parametrize(
    ("texts", "answers", "questions"),
    [
        ([], NO_ANSWERS, []),
        (["services: {a: {image: x, build: ., gpus: all}}\n"], NO_ANSWERS, []),
        ([NETWORK], EngineAnswers(networks=Known(value=frozenset({"n"}))), ["network ls"]),
        ([VOLUME], EngineAnswers(volumes=Known(value=frozenset({"vol"}))), ["volume ls"]),
        ([CONTAINER], EngineAnswers(containers=Known(value=PROJECTS)), ["ps --all"]),
        ([NAME, CONTAINER], EngineAnswers(containers=Known(value=PROJECTS)), ["ps --all"]),
        (
            [SUBNET],
            EngineAnswers(
                subnets=Known(value={"n": ("172.17.0.0/16", "fd00::/64"), "host": ()}),
            ),
            ["network ls", "network inspect"],
        ),
        ([GPU], EngineAnswers(images={"x:1": Known(value=DETAILS)}), ["image inspect"]),
        ([GPU, AWAITED], EngineAnswers(images={"x:1": Known(value=DETAILS)}), ["image inspect"]),
    ],
)
def test_a_question_is_asked_once_and_only_if_a_file_needs_it(tmp_path, texts, answers, questions):
    assert _ask(tmp_path, ANSWERS, *texts) == (answers, questions)


def test_a_failure_makes_only_what_was_asked_unknown(tmp_path):
    texts = (VOLUME, CONTAINER, SUBNET, GPU)
    answers, _ = _ask(tmp_path, "echo Cannot connect >&2; exit 1", *texts)

    refused = Unknown(reason="Cannot connect")
    assert answers.networks == NOT_ASKED
    assert (answers.volumes, answers.containers, answers.subnets) == (refused, refused, refused)
    assert answers.find_image("x:1") is None
    assert answers.explain_image("x:1") == "`docker image inspect` failed: Cannot connect"


def test_without_a_client_the_answers_are_unknown(tmp_path):
    path = tmp_path / "compose.yaml"
    path.write_text(NAME)

    answers = ask_engine([read_compose_file(path, {})], str(tmp_path / "none"), {})

    assert isinstance(answers.containers, Unknown)
    assert "could not be started" in answers.containers.reason


def test_an_image_that_the_engine_does_not_have_is_no_failure(tmp_path):
    answers, _ = _ask(tmp_path, "echo No such image >&2; exit 1", GPU)

    assert answers.images == {"x:1": Known(value=None)}
    assert (answers.find_image("x:1"), answers.explain_image("x:1")) == (None, "")
