"""A file of any content is read, or refused with its name, but never causes a traceback."""

import contextlib
import os
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.compose_file.config_json import project_to_json
from infra.compose_file.load import read_compose_files
from infra.compose_file.project import read_project
from infra.compose_file.syntax.dotenv import read_dotenv
from infra.compose_file.syntax.interpolation import BadVariableError, interpolate
from qca.core.errors import InputError
from tests.support.compose_documents import documents, read_or_refuse, tags, write_with_tags
from tests.support.compose_trees import make_file

relaxed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@relaxed
@given(
    first=documents,
    second=documents,
    tags=tags,
    dotenv=st.text(alphabet="MX=1G\n'\"#$ {}", max_size=30),
)
def test_files_that_refer_to_each_other(tmp_path, first, second, tags, dotenv):
    for name, document in (("a.yml", first), ("b.yml", second)):
        (tmp_path / name).write_text(write_with_tags(document, tags))
    (tmp_path / ".env").write_text(dotenv)
    read_or_refuse([tmp_path / "a.yml", tmp_path / "b.yml"])


@relaxed
@given(text=st.text(alphabet="${}:-?+AX b\n", max_size=40))
def test_interpolation(text):
    with contextlib.suppress(BadVariableError):
        interpolate(text, {"A": "1", "X": ""})


@relaxed
@given(text=st.text(max_size=60))
def test_dotenv(text):
    assert all(isinstance(value, str) for value in read_dotenv(text).values())


def test_nearly_valid_trees(tmp_path):
    """The nox session `fuzz` reads many more (FUZZ_INPUTS=100000)."""
    inputs = int(os.environ.get("FUZZ_INPUTS", "500"))
    source = random.Random(int(os.environ.get("QCA_FUZZ_SEED", "1")))
    (tmp_path / "e.env").write_text("E=1\nF='x'\n")
    first, second = tmp_path / "a.yml", tmp_path / "b.yml"
    parsed = 0
    for number in range(inputs):
        first.write_text(make_file(source))
        second.write_text(make_file(source))
        paths = [first, second] if source.random() < 0.3 else [first]
        with contextlib.suppress(InputError):
            project = read_project(paths, {"SET": "set"}, source.choice(((), ("p",), ("*",))))
            project_to_json(project)
            read_compose_files(paths, {})
            parsed += 1
            assert all(one.line > 0 and one.file for one in project.refusals), number

    print(f"{inputs} Compose files tried, {parsed} of them read, the rest refused in words")
    assert parsed > inputs * 2 / 3
