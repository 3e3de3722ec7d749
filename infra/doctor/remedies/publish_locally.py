"""Build the remedy that publishes ports only on this machine."""

import re
from collections.abc import Sequence

from infra.compose_file.line_edits import Edit
from infra.compose_file.model import ComposeFile, LocatedValue, PublishedPorts
from infra.doctor.finding import Remedy
from infra.doctor.remedies.line_edit import edit_lines, find_line, replace_by_pattern

_ADDRESS = "127.0.0.1"

# A part of the short form; a variable may have a colon in its default: `${PORT:-6379}`.
_PART = r"(?:\$\{[^{}]*\}|[^:{}])+"
_SHORT = re.compile(rf"(?:0\.0\.0\.0:)?({_PART}:{_PART})")
# The first key of the long form, with its value on the same line.
_FIRST_KEY = re.compile(r"(?P<dash>\s*-\s+)\w+:\s+[^\s{\[&*|>].*")
# The opening brace of the long form; the brace of a variable follows a `$`.
_BRACE = r"(?<!\$)\{"


def publish_locally(file: ComposeFile, ports: Sequence[PublishedPorts]) -> Remedy | None:
    """Return the remedy for ports that are published on all addresses.

    Return None if it is uncertain where the address belongs: `${PORTS}` may already contain one,
    and a line may have several entries in braces.
    """
    inserted = {port: edit for port in ports if (edit := _insert_address(file, port))}
    changes = [_find_change(port) for port in ports if port not in inserted]
    known = [change for change in changes if change is not None]
    replaced = replace_by_pattern(file, known)
    if len(known) < len(changes) or bool(known) != bool(replaced):
        return None
    edits = sorted((*inserted.values(), *replaced), key=lambda edit: (edit.file, edit.line))
    return edit_lines("Publish it only on this machine", edits, automatic=False) if edits else None


def _insert_address(file: ComposeFile, ports: PublishedPorts) -> Edit | None:
    """Return the edit that adds a line with the address to the long form.

    Return None for the short form, and for a long form in braces or with an address.
    """
    at = LocatedValue(str(ports), ports.line, "", ports.file)
    line = find_line(file, at)
    match = _FIRST_KEY.fullmatch(line or "")
    if line is None or match is None or ports.written or ports.written_address is not None:
        return None
    added = f"{' ' * len(match['dash'])}host_ip: {_ADDRESS}"
    return Edit(at.file, at.line, line, (line, added))


def _find_change(ports: PublishedPorts) -> tuple[LocatedValue, str, str] | None:
    """Return the value whose line changes, a pattern, and its replacement; None if unknown."""
    at = LocatedValue(str(ports), ports.line, ports.written, ports.file)
    if ports.written_address is not None:
        raw = re.escape(ports.written_address.raw)
        pattern = rf"\bhost_ip\s*:\s*(?:'{raw}'|\"{raw}\"|{raw}(?=[\s,}}]|$))"
        return ports.written_address, pattern, f"host_ip: {_ADDRESS}"
    if not ports.written:
        return at, _BRACE, f"{{host_ip: {_ADDRESS}, "
    match = _SHORT.fullmatch(ports.written)
    if match is None:
        return None
    pattern = rf"(?<![\w.:\-]){re.escape(ports.written)}(?![\w:])"
    return at, pattern, f"{_ADDRESS}:{match[1]}"
