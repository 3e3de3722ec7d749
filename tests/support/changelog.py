"""Parse CHANGELOG.md into releases, newest first."""

import re
from dataclasses import dataclass

UNRELEASED = "Unreleased"

_HEADING = re.compile(r"^## (?P<version>\S+)(?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.M)
_GROUP = re.compile(r"^### (.+)$", re.M)


@dataclass(frozen=True)
class Release:
    """A section of the changelog; only `Unreleased` has no date."""

    version: str
    date: str | None
    groups: tuple[str, ...]
    text: str

    @property
    def has_entries(self) -> bool:
        return bool(re.search(r"^- ", self.text, re.M))


def parse_changelog(text: str) -> list[Release]:
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return [
        Release(
            heading["version"],
            heading["date"],
            tuple(_GROUP.findall(body := text[heading.end() : end])),
            body,
        )
        for heading, end in zip(headings, ends, strict=True)
    ]
