"""Write a host's facts to a file for checks on another machine, and read them back.

The names of users and machines are removed, since a recorded host may become part of a bug report.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_origin

from infra.host.anonymize import Identity, Scrubber
from infra.host.errors import describe_error
from infra.host.facts import NO_ADDRESSES, NO_CONTAINER_PORTS, HostFacts, Known, known_or_none
from infra.host.files import MAX_BYTES
from infra.host.image_names import hide_names
from qca.core.errors import InputError
from qca.core.json_object import is_array, is_object
from qca.core.plain_files import read_plain
from qca.core.validation import is_unknown_key, make_adapter

if TYPE_CHECKING:
    from pydantic import ValidationError


def record(facts: HostFacts, identity: Identity | None = None) -> str:
    """Return the facts as JSON, without secrets or the names of users and machines."""
    facts = replace(_hide_images(facts), container_ports=NO_CONTAINER_PORTS, addresses=NO_ADDRESSES)
    scrubber = make_scrubber(facts, identity)
    return json.dumps(_serialize(facts, scrubber.clean), indent=2, ensure_ascii=False) + "\n"


def _hide_images(facts: HostFacts) -> HostFacts:
    images = known_or_none(facts.images)
    return facts if images is None else replace(facts, images=Known(value=hide_names(images)))


def make_scrubber(facts: HostFacts, identity: Identity | None = None) -> Scrubber:
    """Return a scrubber for the texts of a record and any other text about the same host."""
    return Scrubber(identity or Identity.detect(), _collect_texts(facts))


def load(path: Path) -> HostFacts:
    """Return facts from a file that `record` wrote, or that was written by hand.

    Raises:
        InputError: the file is invalid; the message names the file, and the line or key.

    """
    document = _read_document(path)
    version = document.get("schema_version", 1)
    if isinstance(version, bool) or version != 1:
        raise InputError(
            f"{path}: schema_version: {version!r} is not supported by this version of qca",
            hint="This version reads schema version 1; use the version of qca that recorded the "
            "file, or record the host again.",
        )
    from pydantic import ValidationError

    try:
        return make_adapter(HostFacts).validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise InputError(
            f"{path}: {_describe_first_error(error, document)}",
            hint="Record the host again with `qca doctor --record FILE`, or fix the key.",
        ) from None


def _serialize(value: Any, clean: Callable[[str], str]) -> Any:
    """Return facts as JSON values; values of Literal types are not cleaned."""
    if is_dataclass(value):
        return {
            field.name: (
                getattr(value, field.name)
                if get_origin(field.type) is Literal
                else _serialize(getattr(value, field.name), clean)
            )
            for field in fields(value)
        }
    if is_object(value):
        return {key: _serialize(item, clean) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_serialize(item, clean) for item in cast("Sequence[Any]", value)]
    return clean(value) if isinstance(value, str) else value


def _collect_texts(facts: HostFacts) -> list[str]:
    texts: list[str] = []
    _serialize(facts, lambda text: texts.append(text) or text)
    return texts


def _read_document(path: Path) -> dict[str, Any]:
    try:
        text = read_plain(path, limit=MAX_BYTES).decode()
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: not UTF-8 text", hint="A recorded host is a JSON file."
        ) from None
    except (
        OSError,
        ValueError,
    ) as error:  # ValueError: not a path, for example because of a null byte
        raise InputError(
            f"{path}: {describe_error(error)}", hint="Check the path given to --facts."
        ) from None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}: {error.msg}",
            hint="The file is not valid JSON at that line.",
        ) from None
    except (ValueError, RecursionError) as error:  # a huge number or endless nesting
        raise InputError(
            f"{path}: {describe_error(error)}", hint="A recorded host is a JSON file."
        ) from None
    if not is_object(document):
        raise InputError(f"{path}: not a JSON object", hint="See `qca doctor --record FILE`.")
    return document


def _describe_first_error(error: "ValidationError", document: dict[str, Any]) -> str:
    """Return the first error, with the key as in the file."""
    errors = [detail for detail in error.errors() if _is_about_chosen(detail["loc"], document)]
    first = (errors or error.errors())[0]
    key = ".".join(_resolve_keys(first["loc"], document, missing=first["type"] == "missing"))
    if not key:  # JSON that pydantic rejects, such as a lone surrogate in a string
        return f"{first['msg']}"
    if first["type"] == "missing":
        return f"key {key} is missing"
    if is_unknown_key(first):
        return f"unknown key {key}"
    return f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _is_about_chosen(loc: tuple[int | str, ...], document: dict[str, Any]) -> bool:
    """Return whether an error is about the alternative, known or unknown, that the file uses."""
    if not loc:
        return True
    fact = document.get(str(loc[0]))
    chosen = "Unknown" if is_object(fact) and fact.get("known") is False else "Known"
    return len(loc) < 2 or not isinstance(loc[1], str) or loc[1].startswith(chosen)


def _resolve_keys(loc: tuple[int | str, ...], value: Any, *, missing: bool) -> Iterator[str]:
    """Yield the keys of a location, without pydantic's names for alternatives."""
    for step, part in enumerate(loc):
        last_missing = missing and step == len(loc) - 1
        if is_object(value) and (part in value or last_missing):
            yield str(part)
            value = value.get(str(part))
        elif is_array(value) and isinstance(part, int) and part < len(value):
            yield str(part)
            value = value[part]
