"""In findings, mask the secrets that come from the files and from the environment."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from infra.doctor.finding import Finding
from qca.core.masking import is_secret_name, mask_document, mask_secrets

_IMAGE_SEPARATORS = re.compile(r"[/:@]")


def find_secrets(file: ComposeFile) -> frozenset[str]:
    """Return the secrets among the values of the Compose file's variables and flags."""
    return frozenset(value for service in file.services for value in _list_secrets(service))


def find_public_words(file: ComposeFile) -> frozenset[str]:
    """Return the names of the services and images, which are no secrets even if a password is the
    same word, as in `POSTGRES_PASSWORD: postgres`.

    An image counts only as it is written in the file, since a variable in it may hold a secret.
    """
    names = (service.name for service in file.services)
    images = (service.image for service in file.services if service.image)
    written = (image.value for image in images if image.value in _read_line(file, image))
    return frozenset(names).union(*map(_IMAGE_SEPARATORS.split, written))


def _read_line(file: ComposeFile, value: LocatedValue) -> str:
    """Return the line of the file that has a value; empty if it is unknown."""
    lines = file.sources.get(value.file or file.path, ())
    return lines[value.line - 1] if 0 < value.line <= len(lines) else ""


def mask_finding(finding: Finding, secrets: Collection[str]) -> Finding:
    """Return the finding with secrets masked, except in what `--fix` runs or edits."""

    def mask(text: str) -> str:
        return mask_secrets(text, secrets)

    return replace(
        finding,
        message=mask(finding.message),
        evidence=mask_document(finding.evidence, mask),
        remedies=tuple(remedy.change_texts(mask) for remedy in finding.remedies),
    )


def _list_secrets(service: Service) -> Iterator[str]:
    for name, variable in service.environment.items():
        if is_secret_name(name):
            yield variable.value
    words = [word.value for word in service.command]
    for word, following in pairwise([*words, ""]):
        flag, equals, value = word.partition("=")
        if word.startswith("-") and is_secret_name(flag):
            yield value if equals else following
