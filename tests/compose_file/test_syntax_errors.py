"""Syntax errors are explained in plain words, at the line where the mistake is."""

import pytest
import yaml

from infra.compose_file.yaml import syntax_errors
from infra.compose_file.yaml.nodes import NotYamlError, compose_documents
from infra.compose_file.yaml.syntax_errors import explain_syntax_error

LOADERS = [getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader]
HEAD = "services:\n  a:\n"


def explain(text, loader=LOADERS[0]):
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        list(yaml.parse(text, loader))
    return explain_syntax_error(caught.value, text)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("services:\n\ta:\n", 2, "a tab indents this line"),
        (HEAD + "  \timage: x\n", 3, "a tab indents this line"),
        (HEAD + "    image: x\n\tports: []\n", 4, "a tab indents this line"),
        (HEAD + '    image: "x\n    init: true\n', 3, 'the quote " that opens here'),
        (HEAD + "    image: 'x\n    init: true\n", 3, "the quote ' that opens here"),
        (HEAD + "    command: [a,\n", 3, "the bracket [ that opens here"),
        (HEAD + "    command: [a, b\n    image: x\n", 3, "the bracket [ that opens here"),
        (HEAD + "    command: [a, [b]\n    image: x\n", 3, "the bracket [ that opens here"),
        (HEAD + "    labels: {b: c\n    image: x\n", 3, "the bracket { that opens here"),
        (HEAD + "    image:x\n    init: true\n", 3, "a space is missing after image:"),
        (HEAD + "    image: x\n    ports:[]\n", 4, "a space is missing after ports:"),
        (
            HEAD + "    init:true\n    image: x\n    ports: []\n",
            3,
            "a space is missing after init:",
        ),
        ("services\n  a: {}\n", 1, "the key services has no colon"),
        (HEAD + "    image: x\n    ports\n    init: true\n", 4, "the key ports has no colon"),
        (HEAD + "    command: echo a: b\n", 3, "a value contains a colon and a space"),
        (HEAD + "    image: x\n      ports: []\n", 4, "this line is indented more than line 3"),
        (HEAD + "    image: x\n   ports: []\n", 4, "the indentation fits neither the block"),
        (HEAD + "    ports:\n      - 1\n     - 2\n", 5, "the indentation fits neither the block"),
        (
            HEAD + "    image: x\n    - 1\n",
            4,
            "a list item is at the same level as the keys that start in line 3",
        ),
        (
            "- a\nservices: {}\n",
            2,
            "a key is at the same level as the list items that start in line 1",
        ),
        (HEAD + '    image: "x" y\n', 3, "text follows the end of a value"),
        (HEAD + "    command: 'it's'\n", 3, "text follows the end of a value"),
        (HEAD + "    image: @x\n", 3, "a value cannot start with @"),
        (HEAD + "    image: %x\n", 3, "a value cannot start with %"),
        (HEAD + "    image: ]\n", 3, "a value cannot start with ]"),
        (HEAD + "    command: *.py\n", 3, "a value that starts with * is an alias"),
        (HEAD + "    command: & x\n", 3, "a value that starts with & is an anchor"),
        (HEAD + '    command: "\\d"\n', 3, "a backslash in double quotes"),
    ],
)
def test_a_mistake_is_explained_where_it_starts(monkeypatch, loader, text, line, problem):
    monkeypatch.setattr(syntax_errors, "make_loader", loader)
    fault = explain(text, loader)
    assert fault.problem.startswith(problem)
    assert fault.line == line
    assert fault.fix


def test_an_unknown_mistake_has_the_words_of_the_library():
    fault = explain("services: {}\n...\nmore\n")
    assert (fault.line, fault.fix) == (3, "")
    assert "<document start>" in fault.problem


VALID = """services:
  a: &a
    image: "x"
    command: ['b', c]
    labels: {d: e}
  b: *a
"""


def find_error(text):
    try:
        list(compose_documents(text))
    except NotYamlError as error:
        return error
    return None


@pytest.mark.parametrize(
    "inserted", ["", "\t", '"', "'", "[", "}", ":", ": ", "- ", "@", "\n", " "]
)
def test_every_error_has_a_line_of_the_file(inserted):
    for place in range(len(VALID)):
        text = VALID[:place] + inserted + (VALID[place:] if inserted else "")
        error = find_error(text)
        assert error is None or 1 <= error.line <= len(text.splitlines()), text
