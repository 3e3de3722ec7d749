"""Rules for the paths of keys in a Compose file, given by patterns such as `services.*.ports`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Rule = TypeVar("Rule")

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
