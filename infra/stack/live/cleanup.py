"""Label the resources that an examination creates, and remove those that are left behind."""

# docker-py has no annotations.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import APIClient

LABEL = "qca.deep"
"""The label of everything that belongs to one examination; its value identifies the examination."""
EXPIRES_LABEL = "qca.deep.expires"
"""The label with the expiry time, in seconds since 1970; a resource that outlives it was left
behind by a qca process that was killed.
"""

EXPIRY_SECONDS = 3600
"""How long an examination's resources count as in use, in seconds."""


def make_labels(token: str) -> dict[str, str]:
    """Return the labels of everything that an examination creates now."""
    expires = int(time.time()) + EXPIRY_SECONDS
    return {LABEL: token, EXPIRES_LABEL: str(expires)}


def remove_expired(engine: "APIClient") -> None:
    """Remove everything that a killed examination left behind."""
    last_expiry: dict[str, int] = {}
    for labels in _list_labels(engine):
        token, expires = labels.get(LABEL), labels[EXPIRES_LABEL]
        if token and expires.isdecimal():
            last_expiry[token] = max(last_expiry.get(token, 0), int(expires))
    for token, expires in last_expiry.items():
        if expires < time.time():
            remove_all(engine, token)


def _list_labels(engine: "APIClient") -> Iterator[Mapping[str, str]]:
    """Yield the labels of everything that examinations have created."""
    chosen = {"label": EXPIRES_LABEL}
    made = [*engine.containers(all=True, filters=chosen), *engine.networks(filters=chosen)]
    made += engine.volumes(filters=chosen)["Volumes"] or ()
    yield from (resource["Labels"] for resource in made)


def remove_all(engine: "APIClient", token: str) -> None:
    """Remove an examination's containers, then the networks and volumes that they used."""
    from docker.errors import NotFound

    chosen = {"label": f"{LABEL}={token}"}
    for container in engine.containers(all=True, filters=chosen):
        with contextlib.suppress(NotFound):
            engine.remove_container(container["Id"], v=True, force=True)
    for network in engine.networks(filters=chosen):
        with contextlib.suppress(NotFound):
            engine.remove_network(network["Id"])
    for volume in engine.volumes(filters=chosen)["Volumes"] or ():
        with contextlib.suppress(NotFound):
            engine.remove_volume(volume["Name"])
