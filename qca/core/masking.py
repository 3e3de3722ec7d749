"""Mask secrets in texts. A secret is recognized by its value, the name before it, or its shape.

Every text that is shown to the user or written into a report goes through `mask_secrets`, which
replaces each secret with `***` and keeps the rest.

A text may be long and written by anyone, so no pattern reads the same part twice, and the time is
proportional to the length.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

MASK = "***"

# Shorter values, and these words, also occur in texts with other meanings.
_SHORTEST = 4
_ORDINARY = {
    *("true", "false", "none", "null", "auto", "enabled", "disabled", "required", "optional"),
    *("password", "secret"),
}

# Parts of names; underscores, dots and capitals separate them.
_SECRET_PARTS = {
    *("pass", "pw", "pwd", "auth", "sig", "signature", "dsn", "cookie", "bearer", "apikey", "pat"),
}
_SECRET_ANYWHERE = re.compile(
    r"password|passwd|passphrase|passcode|requirepass|userpass|masterauth|secret|token(?!i)"
    r"|credential|api_?key",
    re.IGNORECASE,
)
# A name that ends in one of these describes a secret but does not hold one.
_HARMLESS_ENDS = {
    *("file", "path", "dir", "name", "ttl", "timeout", "size", "length", "count", "age", "type"),
    *("policy", "enabled", "required", "seconds", "days", "user", "secrets", "tokens", "method"),
}
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_NAME = re.compile(r"-{0,2}[A-Za-z_][\w.-]*")
_SEPARATOR = re.compile(r"[\"'`]?\s*[=:]\s*")
# A flag's value may also be the next word or the next item of a list.
_FLAG_SEPARATOR = re.compile(r"(?:[\"'`]?\s*[=:]\s*|[\"']\s*,\s*|\s+)(?![\"']?-)")
_VALUE = re.compile(r"""(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.|[^\s"'`\\])+""")

# `-a PASSWORD` of redis-cli and valkey-cli; in other commands `-a` means something else.
_CLI_LINE = re.compile(r"\b(?:redis|valkey)-cli\b[^\n]*")
_CLI_FLAG = re.compile(r"(?<=[\"'\s,])-a(?=[\"'\s,])")
_CLI_SEPARATOR = re.compile(r"[\"']?(?:\s*,\s*|\s+)")

_WORD = re.compile(r"[^\s'\"`<>]+")
# An `@` before a digest is part of an image's name.
_AT = re.compile(r"@(?!sha\d+:)")
_AT_HOST = re.compile(r"@(?!sha\d+:)(?=[A-Za-z0-9\[])")
_SCHEME = re.compile(r"(?<![\w+.-])([\w+.-]++)://")
_USER = re.compile(r"(?<![\w/@.+%-])([\w.+%-]++):(?!//)")

# Tokens with a known prefix (GitHub, GitLab, AWS, Slack, Hugging Face), and JSON web tokens.
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{6,}|github_pat_\w{6,}|glpat-[\w-]{6,}|A[KS]IA[A-Z0-9]{12,}"
    r"|xox[abprs]-[\w-]{6,}|hf_\w{8,})"
)
_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,}+(?P<payload>\.[\w-]{8,}(?:\.[\w-]*)?)?")
_AUTHORIZATION = re.compile(r"(?P<head>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{6,}")


def is_secret_name(name: str) -> bool:
    """Return whether a variable, key or flag of this name holds a secret."""
    parts = [part.lower() for part in _PART.findall(name)]
    if not parts or parts[-1] in _HARMLESS_ENDS or parts in (["pwd"], ["oldpwd"]):
        return False
    is_key = len(parts) > 1 and parts[-1] in ("key", "keys")
    return is_key or not _SECRET_PARTS.isdisjoint(parts) or bool(_SECRET_ANYWHERE.search(name))


def select_secrets(variables: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the variables that hold secrets."""
    return frozenset(value for name, value in variables.items() if is_secret_name(name))


def mask_secrets(text: str, secrets: Collection[str] = ()) -> str:
    """Return a text with these secrets, and everything that looks like a secret, masked."""
    for form in _list_forms(secrets):
        text = text.replace(form, MASK)
    if "@" in text:
        text = _WORD.sub(lambda word: _mask_password_at(_mask_userinfo(word[0])), text)
    text = _mask_values_at(text, _find_cli_passwords(text))
    text = _AUTHORIZATION.sub(rf"\g<head>{MASK}", text)
    text = _WEB_TOKEN.sub(lambda token: MASK if token["payload"] else token[0], text)
    text = _TOKEN.sub(MASK, text)
    return _mask_values_at(text, _find_named_values(text))


def mask_document(document: Any, mask: Callable[[str], str]) -> Any:
    """Return a document of mappings and lists with the secrets in its texts masked.

    A text under the name of a secret is masked as a whole.
    """
    if isinstance(document, str):
        return mask(document)
    if isinstance(document, Mapping):
        entries = cast("Mapping[str, Any]", document)
        return {name: _mask_entry(name, entry, mask) for name, entry in entries.items()}
    if isinstance(document, list | tuple):
        items = [mask_document(item, mask) for item in cast("Iterable[Any]", document)]
        return tuple(items) if isinstance(document, tuple) else items
    return document


def _mask_entry(name: str, entry: Any, mask: Callable[[str], str]) -> Any:
    is_secret = isinstance(entry, str) and is_secret_name(str(name))
    return MASK if is_secret else mask_document(entry, mask)


def _list_forms(secrets: Iterable[str]) -> list[str]:
    """Return the secrets, plain and URL-encoded, longest first, as one may contain another."""
    plain = {
        secret
        for secret in secrets
        if len(secret) >= _SHORTEST and secret.strip().lower() not in _ORDINARY
    }
    return sorted({*plain, *(quote(text, safe="") for text in plain)}, key=len, reverse=True)


def _mask_userinfo(word: str) -> str:
    """Mask the password of a URL, or the user name if it is a token."""
    scheme, ends = _SCHEME.search(word), [at.start() for at in _AT.finditer(word)]
    if scheme is None or not ends or ends[-1] < scheme.end():
        return word
    userinfo, rest = word[scheme.end() : ends[-1]], word[ends[-1] :]
    user, colon, _ = userinfo.partition(":")
    if colon:
        return f"{word[: scheme.end()]}{user}:{MASK}{rest}"
    is_name = scheme[1].endswith("ssh") or "/" in userinfo  # an account, or an @ in a path
    return word if is_name else f"{word[: scheme.end()]}{MASK}{rest}"


def _mask_password_at(word: str) -> str:
    """Mask the password of `user:password@host`, without a scheme."""
    ends = [at.start() for at in _AT_HOST.finditer(word)]
    user = _USER.search(word, 0, ends[-1]) if ends else None
    if user is None or user.end() == ends[-1]:
        return word
    return f"{word[: user.end()]}{MASK}{word[ends[-1] :]}"


def _find_cli_passwords(text: str) -> Iterator[int]:
    """Yield the positions at which the passwords of `redis-cli -a` begin."""
    for line in _CLI_LINE.finditer(text):
        for flag in _CLI_FLAG.finditer(text, line.start(), line.end()):
            if separator := _CLI_SEPARATOR.match(text, flag.end()):
                yield separator.end()


def _find_named_values(text: str) -> Iterator[int]:
    """Yield the positions at which the values of secret names begin."""
    for name in _NAME.finditer(text):
        if is_secret_name(name[0]):
            pattern = _FLAG_SEPARATOR if name[0].startswith("-") else _SEPARATOR
            if separator := pattern.match(text, name.end()):
                yield separator.end()


def _mask_values_at(text: str, starts: Iterable[int]) -> str:
    """Return the text with the values that begin at these positions masked."""
    pieces: list[str] = []
    shown = 0
    for start in starts:
        if start >= shown and (value := _VALUE.match(text, start)):
            pieces += [text[shown:start], MASK]
            shown = value.end()
    return "".join((*pieces, text[shown:]))
