"""Whatever a file holds: it is read, or refused with its name; never a traceback."""

import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.compose_file.dotenv import read_dotenv
from infra.compose_file.interpolation import BadVariableError, interpolate
from tests.support.compose_documents import documents, read_or_refuse, tags, write_with_tags

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
