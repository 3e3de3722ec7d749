"""Choose a field by its name: a built-in one, or one of an installed package (`qca.fields`)."""

import re
from dataclasses import dataclass

import numpy as np

from qca.core.errors import InputError
from qca.core.plugins import list_plugins, load_plugin
from qca.measures.fields import BUILT_IN, Field
from qca.measures.state import FloatArray, State

GROUP = "qca.fields"
_NAME = re.compile(r"(?P<name>[a-z][a-z0-9_-]*)(?::(?P<component>\d+))?")


@dataclass(frozen=True)
class ChosenField:
    """A field with the component that it shows, if it has components."""

    field: Field
    component: int = 0

    @property
    def name(self) -> str:
        """The name as given to `--field`."""
        suffix = f":{self.component}" if self.field.has_component else ""
        return self.field.name + suffix

    def compute(self, state: State, previous: State | None = None) -> FloatArray:
        """Return the field of a state, float32 (H, W).

        Raises:
            InputError: a field of an installed package has the wrong shape.

        """
        values = np.asarray(self.field.compute(state, previous, self.component), np.float32)
        if values.shape != state.psi.shape[1:]:
            raise InputError(
                f"field {self.field.name}: shape {values.shape} does not match the grid "
                f"{state.psi.shape[1:]}",
                hint="A field has one number per cell; fix the package that declares it.",
            )
        return values


def list_fields() -> list[str]:
    """Return the names of all fields, those of installed packages last.

    Raises:
        InputError: see `load_fields`.

    """
    return list(load_fields())


def load_fields() -> dict[str, Field]:
    """Return all fields by name, those of installed packages last.

    Raises:
        InputError: a field of an installed package cannot be loaded, or has a built-in name.

    """
    fields = {field.name: field for field in BUILT_IN}
    for name, point in list_plugins(GROUP).items():
        if name in fields:
            raise InputError(
                f"field {name!r} of an installed package has the name of a built-in field",
                hint=f"Rename it in the package's entry point {GROUP}.",
            )
        fields[name] = load_plugin(point, Field)
    return fields


def choose_field(text: str, d_state: int) -> ChosenField:
    """Return the field that `text` names, such as `entropy` or `density:2`.

    Raises:
        InputError: no field has this name, or the component is not below `d_state`.

    """
    match = _NAME.fullmatch(text)
    fields = load_fields()
    field = fields.get(match["name"]) if match else None
    if match is None or field is None:
        raise InputError(f"unknown field {text!r}", hint=f"Fields: {', '.join(fields)}.")
    component = int(match["component"] or 0)
    if match["component"] and not field.has_component:
        raise InputError(
            f"field {field.name} has no components", hint=f"Write --field {field.name}."
        )
    if component >= d_state:
        raise InputError(
            f"{text}: cells have {d_state} components, counted from 0",
            hint=f"Choose one of {field.name}:0 to {field.name}:{d_state - 1}.",
        )
    return ChosenField(field, component)


def compute_field(name: str, state: State, previous: State | None = None) -> FloatArray:
    """Return a field of a state, real (H, W), by a name such as `entropy` or `density:2`.

    `change` needs the previous state. docs/rollout.md has each field's formula and unit.

    Raises:
        InputError: no field has this name, or the component does not exist.

    """
    return choose_field(name, len(state.psi)).compute(state, previous)
