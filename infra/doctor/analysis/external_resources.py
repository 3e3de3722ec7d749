"""Determine whether the engine has an external network, volume or container of a project."""

import re

from infra.compose_file.needs import ExternalResource
from infra.host.facts import EngineAnswers, Known, Unknown

# The engine also finds a container by the first digits of its ID; `docker ps` shows 12 of them.
_ID = re.compile(r"[0-9a-f]{12,64}")


def look_up_external(resource: ExternalResource, answers: EngineAnswers) -> Known[bool] | Unknown:
    """Return whether the engine has the resource."""
    names = {
        "network": answers.networks,
        "volume": answers.volumes,
        "container": answers.containers,
    }[resource.kind]
    if isinstance(names, Unknown):
        return names
    if resource.kind == "container" and _ID.fullmatch(resource.name):
        return Unknown(reason="it is the ID of a container")
    return Known(value=resource.name in names.value)
