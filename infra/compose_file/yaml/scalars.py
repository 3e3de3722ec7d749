"""Resolve plain YAML scalars as Compose's parser does: YAML 1.2 with parts of 1.1.

`010` is octal, `1_000` is a number, and `yes` is a string. Numbers are printed as Go prints them.
https://github.com/yaml/go-yaml (resolve.go)
"""

import base64
import binascii
import math
import re
from datetime import date
from decimal import Decimal

Scalar = str | int | float | bool | None

_YAML = "tag:yaml.org,2002:"
_CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGERS = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+"), 8),
    (re.compile(r"[-+]?(0|[1-9][0-9]{0,19})"), 10),  # no 64-bit number has more digits
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_FIRST = frozenset("+-.0123456789")
_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**64 - 1

# Beyond these exponents Go uses scientific notation for floats.
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = -4, 6


def resolve_plain(text: str) -> Scalar:
    """Return the value of an unquoted scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _FIRST:
        return text
    return _write_date(text) if _DATE.fullmatch(text) else _resolve_number(text)


def resolve_tagged(text: str, tag: str) -> Scalar:
    """Return the value of a tagged scalar; a tag that YAML does not define makes it a string.

    Raises:
        ValueError: the text is not of that type.

    """
    kind = tag.removeprefix(_YAML)
    if kind == "binary":
        return _decode_binary(text)
    if kind not in ("bool", "float", "int", "null") or not tag.startswith(_YAML):
        return text
    value = resolve_plain(text)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value).__name__ != {"null": "NoneType"}.get(kind, kind):
        raise ValueError(f"cannot decode !!{_name_type(value)} `{text}` as a !!{kind}")
    return value


def format_scalar(value: Scalar) -> str:
    """Return a scalar as Go prints it: 1.0 is `1`, true is `true`, and null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return format_float(value) if isinstance(value, float) else str(value)


def format_float(value: float) -> str:
    """Return a float as Go's `%v` prints it: the shortest digits, and an exponent from 1e+06 up."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    sign, digits, exponent = _split_float(value)
    if not _SMALLEST_EXPONENT <= exponent < _LARGEST_EXPONENT:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{exponent:+03d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, fraction = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _split_float(value: float) -> tuple[str, str, int]:
    """Return a float's sign, its shortest digits, and the exponent of the first digit."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits))
    short = text.rstrip("0") or "0"
    power = int(exponent) + len(text) - 1
    return "-" if sign else "", short, power if value else 0


def _write_date(text: str) -> str:
    """Return a date as Go prints it, after Compose has read it as a time."""
    try:
        moment = date(*map(int, text.split("-")))
    except ValueError:
        return text
    return f"{moment} 00:00:00 +0000 UTC"


def _resolve_number(text: str) -> Scalar:
    plain = text.replace("_", "")
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(plain):
            number = int(plain.replace("o", "").replace("O", ""), base)
            if plain == "-0":
                return -0.0
            if _SMALLEST_INTEGER <= number <= _LARGEST_INTEGER:
                return number
    number = float(plain) if _FLOAT.fullmatch(plain) else math.inf
    return number if math.isfinite(number) else text  # a number beyond a float's range is a string


def _decode_binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        raise ValueError("!!binary value contains invalid base64 data") from None


def _name_type(value: Scalar) -> str:
    return {"NoneType": "null"}.get(type(value).__name__, type(value).__name__)
