"""Fill in the variables of a document, and convert strings to the types that their keys require."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.compose_file.model import Refusal, UnsetVariable
from infra.compose_file.syntax.interpolation import BadVariableError, interpolate
from infra.compose_file.yaml.key_paths import ANY, KeyPathRules, compile_rules
from infra.compose_file.yaml.scalars import Scalar
from infra.compose_file.yaml.tree import Items, Origin, Table, Value

Cast = Callable[[str], Scalar]

_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BOOLEANS = {
    **dict.fromkeys(("true", "y", "yes", "on"), True),
    **dict.fromkeys(("false", "n", "no", "off"), False),
}


def _cast_to_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f'parsing "{text}": invalid syntax')
    return int(text)


def _cast_to_boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"invalid boolean: {text}")
    return _BOOLEANS[text.lower()]


def _cast_to_float(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f'parsing "{text}": invalid syntax') from None
    if not math.isfinite(number):
        raise ValueError(f'parsing "{text}": value out of range')
    return number


_SERVICE_CASTS: dict[str, Cast] = {
    **dict.fromkeys(
        (
            "cpu_count",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpu_shares",
            "deploy.placement.max_replicas_per_node",
            "deploy.replicas",
            "deploy.restart_policy.max_attempts",
            "deploy.rollback_config.parallelism",
            "deploy.update_config.parallelism",
            "healthcheck.retries",
            "oom_score_adj",
            "pids_limit",
            "ports.*.target",
            "scale",
            "ulimits.*",
            "ulimits.*.hard",
            "ulimits.*.soft",
        ),
        _cast_to_integer,
    ),
    **dict.fromkeys(
        (
            "depends_on.*.required",
            "depends_on.*.restart",
            "healthcheck.disable",
            "init",
            "oom_kill_disable",
            "privileged",
            "read_only",
            "stdin_open",
            "tty",
            "volumes.*.read_only",
            "volumes.*.volume.nocopy",
        ),
        _cast_to_boolean,
    ),
    **dict.fromkeys(
        (
            "cpu_percent",
            "cpus",
            "deploy.rollback_config.max_failure_ratio",
            "deploy.update_config.max_failure_ratio",
        ),
        _cast_to_float,
    ),
}
_OTHER_CASTS: dict[str, Cast] = dict.fromkeys(
    (
        "configs.*.external",
        "networks.*.attachable",
        "networks.*.enable_ipv4",
        "networks.*.enable_ipv6",
        "networks.*.external",
        "networks.*.internal",
        "secrets.*.external",
        "volumes.*.external",
    ),
    _cast_to_boolean,
)
_CASTS = compile_rules(
    {**{f"services.{ANY}.{key}": cast for key, cast in _SERVICE_CASTS.items()}, **_OTHER_CASTS}
)


@dataclass
class Interpolated:
    """A document with its variables filled in, and the problems that were found."""

    top: Table
    unset: list[UnsetVariable] = field(default_factory=list[UnsetVariable])
    refusals: list[Refusal] = field(default_factory=list[Refusal])


def interpolate_document(top: Table, variables: Mapping[str, str]) -> Interpolated:
    """Return a document with its variables filled in, and the expressions that Compose refuses."""
    walk = _Walk(variables)
    return Interpolated(walk.fill_table(top, _CASTS, ""), walk.unset, walk.refusals)


class _Walk:
    """A traversal of a document."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.unset: list[UnsetVariable] = []
        self.refusals: list[Refusal] = []

    def fill_table(self, table: Table, rules: KeyPathRules[Cast] | None, path: str) -> Table:
        filled = Table()
        filled.is_flow = table.is_flow
        for key, value, origin in table.entries():
            below = rules.step(key) if rules else None
            place = f"{path}.{key}" if path else key
            filled.put(key, self._fill(value, origin, below, place), origin)
        return filled

    def _fill(
        self, value: Value, origin: Origin, rules: KeyPathRules[Cast] | None, path: str
    ) -> Value:
        if isinstance(value, str):
            return self._fill_text(value, origin, rules.rule if rules else None, path)
        if isinstance(value, Table):
            return self.fill_table(value, rules, path)
        if isinstance(value, Items):
            filled = Items()
            filled.is_flow = value.is_flow
            below = rules.step("[]") if rules else None
            for item, at in value.entries():
                filled.add(self._fill(item, at, below, f"{path}.[]"), at)
            return filled
        return value

    def _fill_text(self, text: str, origin: Origin, cast: Cast | None, path: str) -> Scalar:
        if "$" in text:
            text = self._interpolate(text, origin, path)
        if cast is None:
            return text
        try:
            return cast(text)
        except ValueError as error:
            problem = f"failed to cast to expected type: {error}"
            message = f"error while interpolating {path}: {problem}"
            self.refusals.append(Refusal.at(message, origin))
            return text

    def _interpolate(self, text: str, origin: Origin, path: str) -> str:
        try:
            value, missing = interpolate(text, self._variables)
        except BadVariableError as error:
            message = f"invalid interpolation format for {path}: {error}"
            self.refusals.append(Refusal.at(message, origin))
            return text
        place = (origin.line, origin.source.path)
        self.unset += [UnsetVariable(variable, *place) for variable in missing]
        for variable in missing:
            if variable.required is not None:
                problem = f"required variable {variable.name} is missing a value"
                reason = f": {variable.required}" if variable.required else ""
                message = f"error while interpolating {path}: {problem}{reason}"
                self.refusals.append(Refusal.at(message, origin))
        return value
