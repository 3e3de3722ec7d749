"""Convert the short forms that Compose accepts to their long forms."""

from infra.compose_file.model import Refusal
from infra.compose_file.passes import long_forms
from infra.compose_file.passes.long_forms import Expand, FaultHereError
from infra.compose_file.syntax.short_forms import SpecError
from infra.compose_file.yaml.key_paths import (
    Match,
    OmitError,
    compile_rules,
    join_steps,
    transform,
)
from infra.compose_file.yaml.tree import Table, Value


def expand_short_forms(top: Table, refusals: list[Refusal]) -> Table:
    """Return the tree in long form; values that Compose refuses are recorded and left out."""

    def expand(match: Match[Expand]) -> Value:
        try:
            return match.rule(match.value, match.origin)
        except SpecError as error:
            path = f"{join_steps(match.steps)}: " if isinstance(error, FaultHereError) else ""
            refusals.append(Refusal.at(f"{path}{error}", match.origin))
            raise OmitError from None

    return transform(top, _RULES, expand)


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
