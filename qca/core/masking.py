"""Texts without the secrets in them: known by their value, by the name before them, or by shape.

Whatever is shown to a person or written into a report goes through `mask_secrets`. A secret is
replaced by `***`; what stands around it stays.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from urllib.parse import quote

MASK = "***"

# Shorter values, and these, stand in texts with another meaning.
_SHORTEST = 4
_ORDINARY = {"true", "false", "none", "null", "auto", "enabled", "disabled", "required", "optional"}

# Parts of names, between their underscores, dots and capitals.
_SECRET_PARTS = {
    *("pass", "pw", "pwd", "auth", "sig", "signature", "dsn", "cookie", "bearer", "apikey", "pat"),
}
_SECRET_ANYWHERE = re.compile(
    r"password|passwd|passphrase|passcode|requirepass|userpass|masterauth|secret|token(?!i)"
    r"|credential|api_?key",
    re.IGNORECASE,
)
# What such a name ends with where its value is about a secret and is none.
_HARMLESS_ENDS = {
    *("file", "path", "dir", "name", "ttl", "timeout", "size", "length", "count", "age", "type"),
    *("policy", "enabled", "required", "seconds", "days", "user", "secrets", "tokens", "method"),
}
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_NAME = re.compile(r"-{0,2}[A-Za-z_][\w.-]*")
_SEPARATOR = re.compile(r"[\"'`]?\s*[=:]\s*")
# A flag's value may also be the next word, or the next item of a list.
_FLAG_SEPARATOR = re.compile(r"(?:[\"'`]?\s*[=:]\s*|[\"']\s*,\s*|\s+)(?![\"']?-)")
_VALUE = re.compile(r"""(?:"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\.|[^\s"'`\\])+""")

_CLI_PASSWORD = re.compile(
    rf"(?P<head>\b(?:redis|valkey)-cli\b[^\n]*?[\"'\s]-a[\"',\s]*\s)(?P<value>{_VALUE.pattern})"
)
_USERINFO = re.compile(r"(?<![\w+.-])(?P<scheme>[\w+.-]+)://(?P<userinfo>[^\s'\"`<>]*)@(?!sha\d+:)")
_PASSWORD_AT = re.compile(
    r"(?<![\w/@.+%-])(?P<user>[\w.+%-]+):(?!//)[^\s'\"`<>]+@(?!sha\d+:)(?=[A-Za-z0-9\[])"
)
# Tokens that say what they are (GitHub, GitLab, AWS, Slack, Hugging Face, JSON web tokens).
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{6,}|github_pat_\w{6,}|glpat-[\w-]{6,}|A[KS]IA[A-Z0-9]{12,}"
    r"|xox[abprs]-[\w-]{6,}|hf_\w{8,}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)"
)
_AUTHORIZATION = re.compile(r"(?P<head>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{6,}")


def is_secret_name(name: str) -> bool:
    """Whether a variable, key or flag of this name holds a secret."""
    parts = [part.lower() for part in _PART.findall(name)]
    if not parts or parts[-1] in _HARMLESS_ENDS or parts in (["pwd"], ["oldpwd"]):
        return False
    is_key = len(parts) > 1 and parts[-1] in ("key", "keys")
    return is_key or not _SECRET_PARTS.isdisjoint(parts) or bool(_SECRET_ANYWHERE.search(name))


def select_secrets(variables: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the variables that hold secrets."""
    return frozenset(value for name, value in variables.items() if is_secret_name(name))


def mask_secrets(text: str, secrets: Collection[str] = ()) -> str:
    """Return a text without these secrets, and without what looks like one."""
    for form in _list_forms(secrets):
        text = text.replace(form, MASK)
    if "@" in text:  # without one, both would look for it from every place of a long text
        text = _USERINFO.sub(_mask_userinfo, text)
        text = _PASSWORD_AT.sub(rf"\g<user>:{MASK}@", text)
    text = _CLI_PASSWORD.sub(rf"\g<head>{MASK}", text)
    text = _AUTHORIZATION.sub(rf"\g<head>{MASK}", text)
    return "".join(_mask_named(_TOKEN.sub(MASK, text)))


def _list_forms(secrets: Iterable[str]) -> list[str]:
    """Return the secrets as they may be written, the longest first: others can be parts of it."""
    plain = {
        one for one in secrets if len(one) >= _SHORTEST and one.strip().lower() not in _ORDINARY
    }
    return sorted({*plain, *(quote(one, safe="") for one in plain)}, key=len, reverse=True)


def _mask_userinfo(match: re.Match[str]) -> str:
    scheme, userinfo = match["scheme"], match["userinfo"]
    user, colon, _ = userinfo.partition(":")
    if colon:
        return f"{scheme}://{user}:{MASK}@"
    is_name = scheme.endswith("ssh") or "/" in userinfo  # an account, or an @ in a path
    return match[0] if is_name else f"{scheme}://{MASK}@"


def _mask_named(text: str) -> Iterator[str]:
    """Yield the text in pieces, with the value after each name of a secret masked."""
    shown = 0
    for name in _NAME.finditer(text):
        if name.start() < shown or not is_secret_name(name[0]):
            continue
        separator = _FLAG_SEPARATOR if name[0].startswith("-") else _SEPARATOR
        if (between := separator.match(text, name.end())) is None:
            continue
        if value := _VALUE.match(text, between.end()):
            yield text[shown : between.end()]
            yield MASK
            shown = value.end()
    yield text[shown:]
