"""`extends`: a service laid over another, of this document or of another file of the folder."""

from collections.abc import Iterator
from dataclasses import replace

from ruamel.yaml.comments import CommentedMap

from infra.compose_file.old_merge import overlay
from infra.compose_file.model import UNCERTAIN_TAGS, Service
from infra.compose_file.references import NotFollowedError
from infra.compose_file.scope import Scope, interpolate_at, note_unread
from infra.compose_file.old_yaml_nodes import descend, find_line, to_mapping, to_text


def extend_service(scope: Scope, node: CommentedMap, own: Service) -> Service:
    """Return a service laid over the one that it extends, if it extends one."""
    if "extends" not in node:
        return own
    line, extends = find_line(node, "extends", own.line), node["extends"]
    file = interpolate_at(scope, to_text(to_mapping(extends).get("file")), line)
    base_name = interpolate_at(scope, to_text(to_mapping(extends).get("service") or extends), line)
    try:
        base = scope.references.read_extended(file, base_name)
    except NotFollowedError as error:
        note_unread(scope, f"`extends` of service {own.name}", line, error)
        return replace(own, unread_sources=(*own.unread_sources, "extends"))
    scope.notes.unread += base.unread
    scope.notes.unset += base.unset
    scope.notes.sources.update(base.sources)
    if not file and _has_uncertain_tags(scope, base_name):
        note_unread(
            scope,
            f"`extends` of service {own.name}",
            line,
            _explain_uncertainty(base_name),
            is_nondeterministic=True,
        )
        own = _mark_uncertain(own)
    elif (
        scope.only is None
        and _has_uncertain_tags(scope, own.name)
        and _is_extended_here(scope, own.name)
    ):
        own = _mark_uncertain(own)
    return overlay(base.services[0], own)


def list_reset_keys(scope: Scope, name: str, service: CommentedMap) -> Iterator[str]:
    """Yield the keys that a service takes away; an empty command replaces one, too."""
    yield from (key for key in ("command", "entrypoint") if key in service)
    prefix = f"services.{name}."
    yield from (key.removeprefix(prefix) for key in scope.reset_keys if key.startswith(prefix))


def _has_uncertain_tags(scope: Scope, name: str) -> bool:
    """Whether it is by chance that Compose 2.40 heeds a service's tags.

    If it comes to the service from one of the file that extends it, it forgets the tags on
    the way to what the service extends itself.
    """
    prefix = f"services.{name}."
    is_tagged = any(key.startswith(prefix) for key in scope.reset_keys)
    return is_tagged and "extends" in descend(scope.document, "services", name)


def _is_extended_here(scope: Scope, name: str) -> bool:
    services = descend(scope.document, "services").values()
    extended = [to_mapping(service).get("extends") for service in services]
    return any(
        to_text(to_mapping(one).get("service") or one) == name and "file" not in to_mapping(one)
        for one in extended
    )


def _mark_uncertain(service: Service) -> Service:
    return replace(service, unread_sources=(*service.unread_sources, UNCERTAIN_TAGS))


def _explain_uncertainty(name: str) -> NotFollowedError:
    return NotFollowedError(
        f"service {name}, which it extends, has `!reset` or `!override` and extends another "
        "itself, and Compose 2.40 heeds those tags or forgets them by chance"
    )
