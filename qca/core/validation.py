"""Plain data whose annotations say what is allowed, and pydantic that checks it.

pydantic takes longer to load than a healthy host takes to be judged, so it is loaded when there
is something to check: what a person configured, or a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(cls: type[T]) -> type[T]:
    """Make a class a dataclass whose values stay, with no key but its own and no NaN when checked.

    pydantic reads its settings from an attribute of the class that has this name.
    """
    setattr(cls, "__pydantic_config__", {"extra": "forbid", "allow_inf_nan": False})  # noqa: B010
    return dataclass(frozen=True, kw_only=True)(cls)


class Allowed:
    """In an annotation: what pydantic's `Field` allows, for example `Allowed(ge=0)`."""

    def __init__(self, **field: Any) -> None:
        self.field = field

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Hand it to pydantic, which calls this when it is asked to check."""
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(**self.field)])


def checked(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return the values as `kind`, a dataclass.

    Raises:
        pydantic.ValidationError: a ValueError with every value that is not allowed.

    """
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_python(values)


def is_unknown_key(fault: Mapping[str, Any]) -> bool:
    """Whether a fault that pydantic found is a key that there is not."""
    return fault["type"] == "unexpected_keyword_argument"
