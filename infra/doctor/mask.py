"""In findings, mask the secrets that come from the files and from the environment."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise

from infra.compose_file.model import ComposeFile, Service
from infra.doctor.finding import Finding
from qca.core.masking import is_secret_name, mask_document, mask_secrets


def find_secrets(file: ComposeFile) -> frozenset[str]:
    """Return the secrets among the values of the Compose file's variables and flags."""
    return frozenset(value for service in file.services for value in _list_secrets(service))


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
