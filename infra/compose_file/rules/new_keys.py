"""List keys that older versions of Compose refuse.

They come from a comparison of the schemas that Compose 2.26.1, 2.40.3 and 5.6.1 embed.
"""

from infra.compose_file.model import Refusal
from infra.compose_file.yaml.key_paths import Steps, compile_rules, join_steps, visit
from infra.compose_file.yaml.tree import Origin, Table

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
    return [
        _refuse(match.steps, match.origin)
        for match in visit(top, _RULES)
        if version[:2] <= match.rule
    ]


def _refuse(steps: Steps, origin: Origin) -> Refusal:
    message = f"{join_steps(steps[:-1])} additional properties '{steps[-1]}' not allowed"
    return Refusal.at(message.lstrip(), origin)
