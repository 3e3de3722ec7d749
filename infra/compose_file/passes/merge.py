"""Merge one tree over another, as Compose does with files and with extended services.

Scalars are replaced, mappings are merged key by key, and lists are joined; some keys have special
rules. `unique.py` removes duplicates from lists afterwards.
https://docs.docker.com/reference/compose-file/merge/
"""

from collections.abc import Callable, Iterator, Sequence
from typing import cast

from infra.compose_file.model import Refusal
from infra.compose_file.passes import long_forms
from infra.compose_file.passes.long_forms import Expand
from infra.compose_file.yaml.key_paths import KeyPathRules, compile_rules
from infra.compose_file.yaml.tree import (
    Items,
    Origin,
    Table,
    Value,
    make_items,
    to_items,
    to_table,
    to_text,
)

Located = tuple[Value, Origin]
Merger = Callable[[Located, Located], tuple[Located, Located]]
"""A function that prepares two values for merging. If both results are one object, that is the
merged value."""


def merge_trees(base: Table, over: Table) -> tuple[Table, Sequence[Refusal]]:
    """Return `base` with `over` merged over it, and the reasons why Compose refuses that."""
    refusals: list[Refusal] = []
    return _merge_tables(base, over, _RULES, "", refusals), refusals


def merge_services(base: Table, over: Table, name: str) -> tuple[Table, Sequence[Refusal]]:
    """Return a service merged over the service that it extends."""
    refusals: list[Refusal] = []
    rules = cast("KeyPathRules[Merger]", _RULES.below["services"].step(name))
    return _merge_tables(base, over, rules, f"services.{name}", refusals), refusals


def _merge_tables(
    base: Table, over: Table, rules: KeyPathRules[Merger] | None, path: str, refusals: list[Refusal]
) -> Table:
    merged = base.copy()
    merged.marks |= over.marks
    for key, value, origin in over.entries():
        if key not in base:
            merged.put(key, value, origin)
            continue
        below = rules.step(key) if rules else None
        place = f"{path}.{key}" if path else key
        under = (base[key], base.origins[key])
        merged.put(key, *_merge(under, (value, origin), below, place, refusals))
    return merged


def _merge(
    base: Located,
    over: Located,
    rules: KeyPathRules[Merger] | None,
    path: str,
    refusals: list[Refusal],
) -> Located:
    if rules is not None and rules.rule is not None:
        base, over = rules.rule(base, over)
        if over is base:
            return base
    under, value = base[0], over[0]
    if value is None and not (rules and rules.rule is _replace):
        return base
    if isinstance(under, Table) and isinstance(value, Table):
        return _merge_tables(under, value, rules, path, refusals), base[1]
    if isinstance(under, Items) and isinstance(value, Items):
        return make_items([*under.entries(), *value.entries()], is_flow=value.is_flow), over[1]
    if isinstance(under, Table | Items):
        refusals.append(Refusal.at(f"cannot override {path}", over[1]))
    return over


def _replace(_base: Located, over: Located) -> tuple[Located, Located]:
    return over, over


def _join_sequences(base: Located, over: Located) -> tuple[Located, Located]:
    return _to_sequence(base), _to_sequence(over)


def _join_hosts(base: Located, over: Located) -> tuple[Located, Located]:
    """Join lists of hosts; an entry with the same host and address in both lists is kept once."""
    below, above = _to_sequence(base), _to_sequence(over)
    known = set(map(to_text, to_items(below[0])))
    added = [entry for entry in to_items(above[0]).entries() if to_text(entry[0]) not in known]
    return below, (make_items(added), above[1])


def _to_sequence(located: Located) -> Located:
    """Return a mapping as a list of `KEY=value`, or a scalar as a list."""
    value, origin = located
    if isinstance(value, Table):
        return make_items(_list_pairs(value), is_flow=value.is_flow), origin
    if isinstance(value, Items):
        return located
    return make_items([] if value is None else [(value, origin)]), origin


def _list_pairs(table: Table) -> Iterator[Located]:
    """Yield `KEY=value` for each key, sorted by key; a list yields one for each of its values."""
    for key, value, origin in sorted(table.entries(), key=lambda entry: entry[0]):
        for item in value if isinstance(value, Items) else [value]:
            yield _format_pair(key, item), origin


def _format_pair(key: str, value: Value) -> str:
    """Return a key and its value as an item of a list."""
    return key if value is None else f"{key}={to_text(value)}"


def _expand_both(expand: Expand) -> Merger:
    """Merge two values in their long forms."""
    return lambda base, over: ((expand(*base), base[1]), (expand(*over), over[1]))


def _merge_logging(base: Located, over: Located) -> tuple[Located, Located]:
    """Merge options only if both name the same driver, or one names none."""
    drivers = [to_table(side[0]).get("driver") for side in (base, over)]
    return (over, over) if None not in drivers and drivers[0] != drivers[1] else (base, over)


def _merge_ulimits(base: Located, over: Located) -> tuple[Located, Located]:
    are_tables = isinstance(base[0], Table) and isinstance(over[0], Table)
    return (base, over) if are_tables else (over, over)


def _merge_ipam(base: Located, over: Located) -> tuple[Located, Located]:
    """Merge address pools by subnet."""
    if not isinstance(base[0], Items) or not isinstance(over[0], Items):
        return base, over
    pools = {to_text(to_table(pool).get("subnet")): (pool, at) for pool, at in base[0].entries()}
    for pool, at in over[0].entries():
        subnet = to_text(to_table(pool).get("subnet"))
        known = to_table(pools[subnet][0]) if subnet in pools else Table()
        pools[subnet] = (_merge_tables(known, to_table(pool), None, "", []), at)
    merged = make_items(pools.values()), over[1]
    return merged, merged


_SEQUENCES = (
    "networks.*.labels",
    "services.*.annotations",
    "services.*.build.additional_contexts",
    "services.*.build.args",
    "services.*.build.labels",
    "services.*.deploy.labels",
    "services.*.dns",
    "services.*.dns_opt",
    "services.*.dns_search",
    "services.*.env_file",
    "services.*.environment",
    "services.*.label_file",
    "services.*.labels",
    "services.*.sysctls",
    "services.*.tmpfs",
    "services.*.volumes.*.volume.labels",
    "volumes.*.labels",
)
_RULES: KeyPathRules[Merger] = compile_rules(
    {
        **dict.fromkeys(_SEQUENCES, _join_sequences),
        "networks.*.ipam.config": _merge_ipam,
        "services.*.build.extra_hosts": _join_hosts,
        "services.*.extra_hosts": _join_hosts,
        "services.*.build": _expand_both(long_forms.expand_build),
        "services.*.command": _replace,
        "services.*.depends_on": _expand_both(long_forms.expand_dependencies),
        "services.*.entrypoint": _replace,
        "services.*.healthcheck.test": _replace,
        "services.*.logging": _merge_logging,
        "services.*.models": _expand_both(long_forms.expand_names()),
        "services.*.networks": _expand_both(long_forms.expand_names()),
        "services.*.ulimits.*": _merge_ulimits,
    }
)
