"""Remove duplicates from lists; a later entry replaces an earlier one.

Entries are duplicates if they have the same variable name, mount target or port numbers.
https://docs.docker.com/reference/compose-file/merge/#unique-resources
"""

from collections.abc import Callable

from infra.compose_file.model import Refusal
from infra.compose_file.syntax.short_forms import SpecError, parse_volume
from infra.compose_file.yaml.key_paths import Match, compile_rules, join_steps, transform
from infra.compose_file.yaml.tree import Items, Origin, Table, Value, make_items, to_text

Identify = Callable[[Value, str], str]
"""A function that returns the identity of an entry, or raises SpecError."""


def make_unique(top: Table, refusals: list[Refusal]) -> Table:
    """Return the tree without duplicates in its lists, and record values that Compose refuses."""

    def remove_duplicates(match: Match[Identify]) -> Value:
        if not isinstance(match.value, Items):
            return match.value
        found: dict[str, tuple[Value, Origin]] = {}
        for index, (value, origin) in enumerate(match.value.entries()):
            try:
                key = match.rule(value, f"{join_steps(match.steps)}.[{index}]")
            except SpecError as error:
                refusals.append(Refusal.at(str(error), origin))
                key = f"{index}"
            found[key] = (value, origin)  # a key keeps its first position
        return make_items(found.values(), is_flow=match.value.is_flow)

    return transform(top, _RULES, remove_duplicates)


def _identify_pair(value: Value, _path: str) -> str:
    return to_text(value).partition("=")[0]


def _identify_volume(value: Value, path: str) -> str:
    if isinstance(value, Table):
        return _find_target(value, f"service volume {path}")
    return parse_volume(to_text(value)).target


def _identify_device(value: Value, path: str) -> str:
    if isinstance(value, Table):
        return _find_target(value, f"service device {path}")
    source, _, rest = to_text(value).partition(":")
    return rest.partition(":")[0] or source


def _find_target(value: Table, entry: str) -> str:
    if not isinstance(value.get("target"), str):
        raise SpecError(f"{entry} is missing a mount target")
    return to_text(value["target"])


def _identify_port(value: Value, path: str) -> str:
    if not isinstance(value, Table):
        return to_text(value)
    if value.get("target") in (None, 0):
        raise SpecError(f"service ports {path} is missing a target port")
    address, protocol = to_text(value.get("host_ip")), to_text(value.get("protocol"))
    numbers = f"{to_text(value.get('published'))}:{to_text(value['target'])}"
    return f"{address or '0.0.0.0'}:{numbers}/{protocol or 'tcp'}"


def _identify_exposed(value: Value, path: str) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return to_text(value)
    raise SpecError(f"{path}: unsupported expose value {to_text(value)}")


def _identify_env_file(value: Value, _path: str) -> str:
    return to_text(value["path"] if isinstance(value, Table) and "path" in value else value)


def _identify_mount(folder: str) -> Identify:
    def identify(value: Value, path: str) -> str:
        if not isinstance(value, Table):
            return f"{folder}/{to_text(value)}"
        return to_text(value.get("target")) or f"{folder}/{to_text(value.get('source'))}"

    return identify


_PAIRS = (
    "networks.*.ipam.options",
    "networks.*.labels",
    "services.*.annotations",
    "services.*.build.additional_contexts",
    "services.*.build.args",
    "services.*.build.labels",
    "services.*.build.platform",
    "services.*.build.tags",
    "services.*.cap_add",
    "services.*.cap_drop",
    "services.*.deploy.labels",
    "services.*.dns",
    "services.*.dns_opt",
    "services.*.dns_search",
    "services.*.environment",
    "services.*.labels",
    "services.*.links",
    "services.*.networks.*.aliases",
    "services.*.networks.*.link_local_ips",
    "services.*.profiles",
    "services.*.sysctls",
    "services.*.tmpfs",
)
_RULES = compile_rules(
    {
        **dict.fromkeys(_PAIRS, _identify_pair),
        "services.*.configs": _identify_mount(""),
        "services.*.devices": _identify_device,
        "services.*.env_file": _identify_env_file,
        "services.*.expose": _identify_exposed,
        "services.*.ports": _identify_port,
        "services.*.secrets": _identify_mount("/run/secrets"),
        "services.*.volumes": _identify_volume,
    }
)
