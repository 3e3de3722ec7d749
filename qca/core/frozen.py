"""Frozen dataclasses that are cheap to define.

`dataclass(frozen=True)` compiles six methods for every class. `qca doctor` loads a hundred such
classes, and compiling their methods took a quarter of its time. Here all classes share five of the
methods; only `__init__` is compiled for each class.
"""

from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, ClassVar, TypeVar, dataclass_transform

T = TypeVar("T")


class _Frozen:
    """The methods that frozen dataclasses share."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __repr__(self) -> str:
        values = (f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
        return f"{type(self).__qualname__}({', '.join(values)})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return _list_values(self) == _list_values(other)

    def __hash__(self) -> int:
        return hash(_list_values(self))

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__ or name not in self.__dataclass_fields__:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        self.__dict__[name] = value  # in `__init__`

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")


def _list_values(instance: Any) -> tuple[object, ...]:
    return tuple(getattr(instance, name) for name in instance.__dataclass_fields__)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen_dataclass(cls: type[T]) -> type[T]:
    """Make a class equivalent to one with `dataclass(frozen=True)`."""
    share_frozen_methods(cls)
    return dataclass(repr=False, eq=False)(cls)


def share_frozen_methods(cls: type) -> None:
    """Give a class the methods that `dataclass(frozen=True)` would compile, except `__init__`."""
    for name in ("__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__"):
        setattr(cls, name, vars(_Frozen)[name])
