"""List keys that older versions of Compose refuse.

They come from a comparison of the schemas that Compose 2.26.1, 2.40.3 and 5.6.1 embed.
"""

from infra.compose_file.model import Refusal
from infra.compose_file.yaml.key_paths import KeyPathRules, compile_rules
from infra.compose_file.yaml.tree import Items, Origin, Table, Value

Version = tuple[int, ...]

_LAST_WITHOUT: dict[str, Version] = {
    **dict.fromkeys(
        (
            "models",
            "services.*.build.provenance",
            "services.*.build.sbom",
            "services.*.develop.watch.*.include",
            "services.*.develop.watch.*.initial_sync",
            "services.*.models",
            "services.*.networks.*.interface_name",
            "services.*.provider",
            "services.*.pull_refresh_after",
            "services.*.use_api_socket",
            "services.*.volumes.*.image",
            "services.*.volumes.*.volume.labels",
        ),
        (2, 26),
    ),
    **dict.fromkeys(("jobs", "services.*.build.no_cache_filter", "services.*.pre_start"), (2, 40)),
}
"""The newest of the three versions that lacks the key; a release after it may already have it."""

_RULES = compile_rules(_LAST_WITHOUT)


def find_unknown_keys(top: Table, version: Version) -> list[Refusal]:
    """Return the keys of a tree that this version of Compose does not know."""
    refusals: list[Refusal] = []
    _visit(top, _RULES, version[:2], "", refusals)
    return refusals


def _visit(
    value: Value, rules: KeyPathRules[Version], version: Version, path: str, refusals: list[Refusal]
) -> None:
    if isinstance(value, Items):
        if below := rules.step("[]"):
            for index, item in enumerate(value):
                _visit(item, below, version, f"{path}.{index}", refusals)
        return
    if not isinstance(value, Table):
        return
    for key, item, origin in value.entries():
        below = rules.step(key)
        if below is None:
            continue
        if below.rule is not None and version <= below.rule:
            refusals.append(_refuse(path, key, origin))
        _visit(item, below, version, f"{path}.{key}".lstrip("."), refusals)


def _refuse(path: str, key: str, origin: Origin) -> Refusal:
    message = f"{path} additional properties '{key}' not allowed".lstrip()
    return Refusal(message, origin.line, origin.source.path)
