"""`!reset` and `!override` are applied as by Compose."""

from pathlib import Path

import pytest

from infra.compose_file.load import read_compose_files
from infra.compose_file.model import ComposeFile
from infra.compose_file.yaml.documents import parse_documents
from infra.compose_file.yaml.tree import Source
from qca.core.errors import InputError
from tests.support.merge_cases import CASES, read_recorded, summarize_file, write_case

CHAIN = (
    "services:\n  a: {extends: middle}\n  middle: {extends: bottom, cpus: !reset null}\n"
    "  bottom: {image: dragonflydb/dragonfly, cpus: 2}\n"
)


def _read(folder: Path, **texts: str) -> ComposeFile:
    paths = [folder / f"{name}.yml" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    return read_compose_files(paths, {})


def test_every_case_was_recorded():
    assert set(read_recorded()) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_reading_equals_composes(tmp_path, name):
    file = read_compose_files(write_case(tmp_path, name), {})

    assert summarize_file(file) == read_recorded()[name]
    assert file.unread == ()
    assert file.unset == ()


def test_values_keep_their_positions(tmp_path):
    file = _read(
        tmp_path,
        a="services:\n  a:\n    image: x\n    cpus: 1\n    mem_limit: 1g\n    command: --hz=1\n",
        b="services:\n  a:\n    cpus: !override 2\n    mem_limit: !reset null\n"
        "    command: !override\n      - !override --hz\n      - '2'  # ours\n",
    )
    (service,) = file.services

    assert service.cpus
    assert (service.cpus.line, service.cpus.file) == (3, str(tmp_path / "b.yml"))
    assert service.memory_limit is None
    assert [text.line for text in service.command] == [6, 7]
    assert (service.line, service.file) == (2, str(tmp_path / "a.yml"))


def test_a_fully_overridden_service_has_the_position_of_the_override(tmp_path):
    file = _read(
        tmp_path,
        a="services:\n  a: {image: x}\n",
        b="# ours\nservices:\n  a: !override\n    image: y\n",
    )

    assert [(one.line, one.file) for one in file.services] == [(3, str(tmp_path / "b.yml"))]


@pytest.mark.parametrize("key", ["env_file", "label_file"])
def test_a_file_that_is_no_longer_referenced_is_not_missing(tmp_path, key):
    base = f"services:\n  a:\n    image: x\n    {key}: /etc/none\n"

    assert _read(tmp_path, a=base).unread[0].outside
    over = f"services: {{a: {{{key}: !reset null}}}}"
    file = _read(tmp_path, a=base, b=over)
    assert file.unread == ()
    assert file.services[0].unread_sources == ()


def test_an_extended_file_is_read_even_if_the_service_is_reset(tmp_path):
    """Compose extends before it merges, and refuses a missing file."""
    base = "services:\n  a: {image: x, extends: {file: none.yml, service: b}}\n  b: {image: y}\n"

    (unread,) = _read(tmp_path, a=base, b="services: {a: !reset null}").unread

    assert "`extends`" in unread.what


@pytest.mark.parametrize(
    "text", [CHAIN, CHAIN.replace("{extends: middle}", "{extends: {service: middle}}")]
)
def test_random_behavior_of_compose_is_uncertain(tmp_path, text):
    """Measured: 2.40.3 gave `a` and `middle` the CPUs of `bottom` in 2 to 10 of 14 runs."""
    file = _read(tmp_path, a=text)

    (unread,) = file.unread
    assert (unread.line, unread.is_nondeterministic) == (2, True)
    assert "at random" in unread.why
    assert [service.unread_sources for service in file.services] == [("!reset",), ("!reset",), ()]


@pytest.mark.parametrize(
    "text",
    [
        CHAIN.replace("cpus: !reset null", "cpus: 3"),  # no tag
        CHAIN.replace("  a: {extends: middle}\n", ""),  # nobody extends it
        CHAIN.replace("{extends: middle}", "{extends: bottom, cpus: !reset null}"),
        CHAIN.replace("{extends: middle}", "{extends: {file: a.yml, service: middle}}"),
    ],
)
def test_consistent_behavior_of_compose_is_certain(tmp_path, text):
    assert _read(tmp_path, a=text).unread == ()


@pytest.mark.parametrize(
    ("text", "cleared"),
    [
        ("a: {b: !reset 1, c: !override [!reset 2]}", ("a.b", "a.c")),
        ("a: &a {b: !override 1}\nd: *a\n", ("a.b", "d.b")),
        ("a: &a {b: !reset 1}\nd: *a\n", ("a.b",)),
        ("a: '!reset'\nb: !!str 1\n# !reset\n", ()),
    ],
)
def test_the_keys_that_tags_clear(text, cleared):
    documents = parse_documents(text, Source("a.yml", (), {}))

    assert [document.reset_keys for document in documents] == [cleared]


def test_tags_cost_no_more_than_aliases(tmp_path):
    """Each alias refers twice to the node that contains it, so expanding it would never end."""
    levels = ["x0: &x0 {v: !override 1}"]
    levels += [f"x{n}: &x{n} {{self: *x{n}, p: *x{n - 1}, q: *x{n - 1}}}" for n in range(1, 40)]

    with pytest.raises(InputError, match="aliases expand to more than 400000 values"):
        _read(tmp_path, a="\n".join([*levels, "services: {a: {image: x}}"]))


@pytest.mark.parametrize("text", ["!reset {services: {a: {image: x}}}", "services: !reset {}"])
def test_a_file_that_is_completely_reset(tmp_path, text):
    with pytest.raises(InputError, match=r"must be a mapping|empty compose file"):
        _read(tmp_path, a="services: {a: {image: x}}\n", b=text)
