"""Dataclasses whose annotations state the allowed values, validated by pydantic.

Loading pydantic takes longer than examining a healthy host, so it is loaded only to check values
from the user's configuration or a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, dataclass_transform

from qca.core.frozen import share_frozen_methods

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def strict_dataclass(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only dataclass whose validation refuses unknown keys and NaN.

    pydantic reads its settings from the attribute `__pydantic_config__` of the class.
    """
    setattr(cls, "__pydantic_config__", {"extra": "forbid", "allow_inf_nan": False})  # noqa: B010
    share_frozen_methods(cls)
    return dataclass(kw_only=True, repr=False, eq=False)(cls)


class Constraint:
    """An annotation that takes the arguments of pydantic's `Field`, such as `Constraint(ge=0)`."""

    def __init__(self, **field: Any) -> None:
        self.field = field

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Return the schema; pydantic calls this when it validates."""
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(**self.field)])


def validate(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return the values as an instance of `kind`, a dataclass.

    Raises:
        pydantic.ValidationError: a value is not allowed. The error is a ValueError and lists all
            such values.

    """
    return make_adapter(kind).validate_python(values)


@cache  # creating it takes longer than validating with it
def make_adapter(kind: type[T]) -> "TypeAdapter[T]":
    """Return pydantic's validator of `kind`."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def is_unknown_key(fault: Mapping[str, Any]) -> bool:
    """Return whether an error reported by pydantic is about an unknown key."""
    return fault["type"] == "unexpected_keyword_argument"
