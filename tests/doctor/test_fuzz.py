"""Any external input leads to a result or an unknown fact, never to a traceback."""

import contextlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from infra.doctor.examine import examine
from infra.doctor.fix import apply_remedy, list_proposals
from infra.doctor.formats.github import render_github
from infra.doctor.formats.text import render_text
from infra.host.deadline import Output
from infra.host.errors import ProbeError
from infra.host.facts import ComposeFacts, DockerComposeFacts, HostFacts
from infra.host.probes import compose, docker_compose
from infra.host.probes.docker_compose import command, v1_libraries
from infra.host.recording import load
from qca.core.errors import InputError
from tests.support.compose_documents import documents, read_or_refuse, tags, write_with_tags
from tests.support.doctor_reports import write_json, write_markdown
from tests.support.fake_programs import FixedOutput
from tests.support.hosts import config, engine, host

HOSTS = sorted((Path(__file__).parents[1] / "hosts").glob("*.json"))

relaxed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["\x1b[31m", "\ud800", "\x00", "::error::", "'; true", "v2", "$(x)", "-1"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


outputs = st.builds(
    Output,
    exit_code=st.integers(-9, 255),
    stdout=st.one_of(
        st.text(max_size=60),
        st.builds("{}{}{}".format, st.sampled_from(_SAID := [
            "Docker Compose version v", "docker-compose version 1.", "Docker Compose version ",
        ]), st.text(max_size=20), st.sampled_from(["", ", build x\n"])),
    ),
    stderr=st.text(max_size=40),
)  # fmt: skip


@relaxed
@given(output=outputs)
def test_any_output_of_docker_compose_version(output):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose.shutil, "which", lambda _: "/usr/bin/docker")
        with contextlib.suppress(ProbeError):
            TypeAdapter(ComposeFacts).validate_python(asdict(compose.probe(FixedOutput(output))))


@relaxed
@given(output=outputs, content=st.binary(max_size=40) | st.just(b"\x7fELF MEI\014\013\012\013\016"))
def test_any_program_called_docker_compose(tmp_path, output, content):
    program = tmp_path / "docker-compose"
    program.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command.shutil, "which", lambda _: str(program))
        with contextlib.suppress(ProbeError):
            found = docker_compose.probe(FixedOutput(output))
            TypeAdapter(DockerComposeFacts).validate_python(asdict(found))


ANSWER = {
    "executable": "/usr/bin/python3",
    "python_version": "3.11.2",
    "user_site": None,
    "virtual_environment": False,
    "externally_managed": False,
    "compose_version": "1.29.2",
    "places": {
        "docker": [{"version": "5.0.3", "location": "/l", "user_site": False, "pythonpath": False,
                    "installed": ""}],
    },
    "requirements": [["a", "1", "docker>=5"]],
    "user_only": [],
}  # fmt: skip


@relaxed
@given(
    change=st.dictionaries(st.sampled_from(sorted(ANSWER)), values, max_size=2), raw=st.booleans()
)
def test_any_answer_of_an_interpreter(change, raw):
    said = {**ANSWER, **change}
    text = json.dumps(said) if not raw else json.dumps(change)
    output = Output(0, f"chatter\n{v1_libraries.MARK}{text}\n", "")
    with contextlib.suppress(ProbeError):
        v1_libraries.ask_interpreter(Path("/x/docker-compose"), ("python3",), FixedOutput(output))


def test_a_deeply_nested_answer():
    output = Output(0, v1_libraries.MARK + "[" * 200_000, "")

    with pytest.raises(ProbeError):
        v1_libraries.ask_interpreter(Path("/x/docker-compose"), ("python3",), FixedOutput(output))


def _places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for key, value in inner:
        found.append((*at, key))
        if isinstance(value, dict | list):
            found += _places(value, (*at, key))
    return found


@relaxed
@given(data=st.data())
def test_a_facts_file_with_one_changed_value(tmp_path, data):
    document = json.loads(data.draw(st.sampled_from(HOSTS)).read_text())
    place = data.draw(st.sampled_from(_places(document)))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(values)
    path = tmp_path / "host.json"
    path.write_text(json.dumps(document))

    refused: list[str] = []
    try:
        _judge_and_print(load(path))
    except InputError as error:
        refused.append(error.message)
    assert all(str(path) in message for message in refused)


def _judge_and_print(facts: HostFacts) -> None:
    findings = examine(facts, config({"runtime": "compose"}))
    assert not [f for f in findings if f.is_check_failure]
    assert "\x1b" not in render_text(findings)
    write_json(findings, facts).encode()
    write_markdown(findings, facts).encode()
    assert all(line.startswith("::") for line in render_github(findings).split("\n") if line)


@relaxed
@given(text=st.text(max_size=80))
def test_a_facts_file_of_any_text(tmp_path, text):
    path = tmp_path / "host.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with contextlib.suppress(InputError):
        load(path)


@relaxed
@given(
    first=documents,
    second=documents,
    tags=tags,
    dotenv=st.text(alphabet="MX=1G\n'\"#$ {}", max_size=30),
)
def test_compose_files_that_refer_to_each_other(tmp_path, first, second, tags, dotenv):
    for name, document in (("a.yml", first), ("b.yml", second)):
        (tmp_path / name).write_text(write_with_tags(document, tags))
    (tmp_path / ".env").write_text(dotenv)
    paths = [tmp_path / "a.yml", tmp_path / "b.yml"]
    file = read_or_refuse(paths)
    if file is None:
        return
    facts = host(docker=engine(cpus=16, most_memlock=2**23))
    findings = examine(facts, config(), files=[file])
    assert not [f for f in findings if f.is_check_failure]
    for proposal in list_proposals(findings):
        before = {path: path.read_text() for path in paths}
        apply_remedy(proposal, lambda: findings)  # it never helps, so the files are restored
        assert {path: path.read_text() for path in paths} == before
