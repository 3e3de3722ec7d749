"""Rules for the paths of keys in a Compose file, given by patterns such as `services.*.ports`.

`*` is any key of a mapping, or any item of a list.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from infra.compose_file.yaml.tree import Items, Origin, Table, Value

Rule = TypeVar("Rule")

Steps = tuple[str | int, ...]
"""The keys and the list indexes on the way to a value."""

ANY = "*"


@dataclass(slots=True)
class KeyPathRules(Generic[Rule]):
    """The rule for a path, and the rules for the paths below it."""

    rule: Rule | None = None
    below: dict[str, "KeyPathRules[Rule]"] = field(default_factory=dict[str, "KeyPathRules[Rule]"])

    def step(self, key: str) -> "KeyPathRules[Rule] | None":
        """Return the rules below a key; None if there are none."""
        return self.below.get(key) or self.below.get(ANY)


def compile_rules(rules: Mapping[str, Rule]) -> KeyPathRules[Rule]:
    """Return the rules as a tree of pattern steps; an exact key takes precedence over `*`."""
    top: KeyPathRules[Rule] = KeyPathRules()
    for pattern, rule in rules.items():
        place = top
        for key in pattern.split("."):
            place = place.below.setdefault(key, KeyPathRules())
        place.rule = rule
    return top


class Match(NamedTuple, Generic[Rule]):
    """A value that has a rule."""

    rule: Rule
    value: Value
    origin: Origin
    steps: Steps


class OmitError(Exception):
    """Raised to leave a value out of a transformed tree."""


def join_steps(steps: Steps) -> str:
    """Return a path as Compose's messages show it."""
    return ".".join(map(str, steps))


def visit(value: Value, rules: KeyPathRules[Rule], steps: Steps = ()) -> Iterator[Match[Rule]]:
    """Yield the values in `value` that have a rule, each before those that it contains.

    `steps` lead to `value`.
    """
    for step, inner, origin in _list_inner(value):
        below = rules.step(step if isinstance(step, str) else ANY)
        if below is None:
            continue
        if below.rule is not None:
            yield Match(below.rule, inner, origin, (*steps, step))
        yield from visit(inner, below, (*steps, step))


def _list_inner(value: Value) -> Iterator[tuple[str | int, Value, Origin]]:
    if isinstance(value, Table):
        yield from value.entries()
    elif isinstance(value, Items):
        for index, (item, origin) in enumerate(value.entries()):
            yield index, item, origin


def transform(
    table: Table,
    rules: KeyPathRules[Rule],
    change: Callable[[Match[Rule]], Value],
    steps: Steps = (),
) -> Table:
    """Return the tree, changing each value that has a rule before changing those that it contains.

    A value for which `change` raises OmitError is left out. `steps` lead to `table`.
    """
    result = table.copy()
    for key, value, origin in table.entries():
        if below := rules.step(key):
            try:
                result[key] = _transform_value(value, origin, below, change, (*steps, key))
            except OmitError:
                result.drop(key)
    return result


def _transform_value(
    value: Value,
    origin: Origin,
    rules: KeyPathRules[Rule],
    change: Callable[[Match[Rule]], Value],
    steps: Steps,
) -> Value:
    if rules.rule is not None:
        value = change(Match(rules.rule, value, origin, steps))
    if isinstance(value, Table) and rules.below:
        return transform(value, rules, change, steps)
    if isinstance(value, Items) and (below := rules.step(ANY)):
        items = Items()
        items.is_flow = value.is_flow
        for index, (item, at) in enumerate(value.entries()):
            with suppress(OmitError):
                items.add(_transform_value(item, at, below, change, (*steps, index)), at)
        return items
    return value
