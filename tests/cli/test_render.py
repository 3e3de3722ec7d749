"""`qca render`: to stdout, into a file, or compared with one."""

from pathlib import Path

import pytest

HOST = Path(__file__).parents[1] / "hosts" / "gpu-workstation.json"

KINDS = [("compose",), ("kubernetes", "--nodes", "2", "--trainer-image", "example.com/qca:1")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
def test_the_file_equals_the_output_and_passes_the_check(qca, kind):
    words = ("render", *kind, "--facts", HOST)
    printed = qca(*words).stdout
    file = qca.folder / "made.yaml"
    assert qca(*words, "-o", file).stdout == ""
    assert file.read_text() == printed
    assert qca(*words, "-o", file, "--check").stdout == ""

    file.write_text(printed.replace("maxmemory=1G", "maxmemory=2G"))
    done = qca(*words, "-o", file, "--check", check=1)
    assert "maxmemory=2G" in done.stdout
    assert "without --check" in done.stderr
    assert "maxmemory=2G" in file.read_text()  # compares, does not write


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compose", "--check"), "-o FILE"),
        (("kubernetes", "--check"), "-o FILE"),
        (("kubernetes", "--nodes", "0"), "--nodes"),
        (("kubernetes", "--project", "a_b"), "stack.project"),
        (("kubernetes", "--check", "-o", "missing.yaml"), "missing.yaml"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_exits_with_2_and_names_the_error(qca, words, message):
    assert message in qca("render", *words, "--facts", HOST, check=2).stderr


def test_a_plan_that_does_not_fit_is_still_rendered(qca):
    """The doctor checks a plan; the file only shows it, with its reasons."""
    for kind in KINDS:
        done = qca("render", *kind, "--facts", HOST, "--grid", "2048", "--batch-size", "64")
        assert "--grid=2048" in done.stdout
