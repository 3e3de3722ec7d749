"""Convert the short forms that Compose accepts to their long forms."""

from infra.compose_file.model import Refusal
from infra.compose_file.passes import long_forms
from infra.compose_file.passes.long_forms import Expand, FaultHereError
from infra.compose_file.syntax.short_forms import SpecError
from infra.compose_file.yaml.key_paths import KeyPathRules, compile_rules
from infra.compose_file.yaml.tree import Items, Origin, Table, Value


def expand_short_forms(top: Table, refusals: list[Refusal]) -> Table:
    """Return the tree in long form; values that Compose refuses are recorded and left out."""
    return _Walk(refusals).visit_table(top, _RULES, "")


class _Walk:
    """A traversal of a project."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self._refusals = refusals

    def visit_table(self, table: Table, rules: KeyPathRules[Expand], path: str) -> Table:
        result = table.copy()
        for key, value, origin in table.entries():
            below = rules.step(key)
            if below is None:
                continue
            place = f"{path}.{key}" if path else key
            try:
                result[key] = self._visit(value, origin, below, place)
            except SpecError as error:
                self._refuse(str(error), origin)
                result.drop(key)
        return result

    def _visit(self, value: Value, origin: Origin, rules: KeyPathRules[Expand], path: str) -> Value:
        if rules.rule is not None:
            value = self._expand(value, origin, rules.rule, path)
        if isinstance(value, Table) and rules.below:
            return self.visit_table(value, rules, path)
        below = rules.step("[]")
        if not isinstance(value, Items) or below is None:
            return value
        items = Items()
        items.is_flow = value.is_flow
        for index, (item, at) in enumerate(value.entries()):
            try:
                items.add(self._visit(item, at, below, f"{path}.{index}"), at)
            except SpecError as error:
                self._refuse(str(error), at)
        return items

    def _expand(self, value: Value, origin: Origin, expand: Expand, path: str) -> Value:
        try:
            return expand(value, origin)
        except FaultHereError as error:
            raise SpecError(f"{path}: {error}") from None

    def _refuse(self, message: str, origin: Origin) -> None:
        self._refusals.append(Refusal(message, origin.line, origin.source.path))


_RULES = compile_rules(
    {
        "configs.*": long_forms.expand_external,
        "networks.*": long_forms.expand_external,
        "secrets.*": long_forms.expand_external,
        "services.*.build": long_forms.expand_build,
        "services.*.build.secrets.*": long_forms.expand_mount,
        "services.*.configs.*": long_forms.expand_mount,
        "services.*.depends_on": long_forms.expand_dependencies,
        "services.*.depends_on.*": long_forms.require_by_default,
        "services.*.deploy.resources.reservations.devices.*": long_forms.expand_device_request,
        "services.*.devices.*": long_forms.expand_device,
        "services.*.dns": long_forms.expand_text_to_list,
        "services.*.env_file": long_forms.expand_env_files,
        "services.*.gpus": long_forms.expand_gpus,
        "services.*.gpus.*": long_forms.expand_device_request,
        "services.*.label_file": long_forms.expand_text_to_list,
        "services.*.models": long_forms.expand_names(),
        "services.*.networks": long_forms.expand_names(),
        "services.*.ports.*": long_forms.expand_port,
        "services.*.secrets.*": long_forms.expand_mount,
        "services.*.volumes.*": long_forms.expand_volume,
        "volumes.*": long_forms.expand_external,
    }
)
