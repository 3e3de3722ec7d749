"""Rules apply to the values whose paths match their patterns."""

from infra.compose_file.yaml.documents import parse_documents
from infra.compose_file.yaml.key_paths import (
    Match,
    OmitError,
    compile_rules,
    join_steps,
    transform,
    visit,
)
from infra.compose_file.yaml.tree import Source, Table, Value, make_items, to_text

TEXT = "a:\n  one: [x, y]\n  two: [z]\nb: {one: x}\n"


def _parse(text: str) -> Table:
    (document,) = parse_documents(text, Source("f", tuple(text.splitlines()), {}))
    return document.top


def test_a_value_is_visited_before_those_that_it_contains():
    rules = compile_rules({"a": "top", "a.*": "any", "a.*.*": "item"})

    visited = [(m.rule, join_steps(m.steps), m.origin.line) for m in visit(_parse(TEXT), rules)]

    assert visited == [
        ("top", "a", 1),
        ("any", "a.one", 2),
        ("item", "a.one.0", 2),
        ("item", "a.one.1", 2),
        ("any", "a.two", 3),
        ("item", "a.two.0", 3),
    ]


def test_an_exact_key_takes_precedence():
    rules = compile_rules({"*.*": "any", "a.one": "exact"})

    assert [(m.rule, join_steps(m.steps)) for m in visit(_parse(TEXT), rules)] == [
        ("exact", "a.one"),
        ("any", "b.one"),
    ]


def test_a_changed_value_is_changed_inside_too():
    rules = compile_rules({"a.*.*": "double", "b.one": "list", "b.one.*": "double"})

    def change(match: Match[str]) -> Value:
        if match.rule == "list":
            return make_items([(match.value, match.origin)])
        return to_text(match.value) * 2

    top = _parse(TEXT)

    assert transform(top, rules, change) == {
        "a": {"one": ["xx", "yy"], "two": ["zz"]},
        "b": {"one": ["xx"]},
    }
    assert top == _parse(TEXT)


def test_a_value_can_be_left_out():
    rules = compile_rules({"a.two": [], "a.one.*": ["y"]})

    def keep(match: Match[list[str]]) -> Value:
        if match.value not in match.rule:
            raise OmitError
        return match.value

    top = transform(_parse(TEXT), rules, keep)

    assert top == {"a": {"one": ["y"]}, "b": {"one": "x"}}
