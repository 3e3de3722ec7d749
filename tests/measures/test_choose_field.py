"""Fields are found by name, including those of installed packages."""

import numpy as np
import pytest

from qca.core.errors import InputError
from qca.measures.choose_field import GROUP, choose_field, list_fields
from qca.measures.fields import Field
from qca.measures.state import State
from tests.support.plugins import install
from tests.support.run_folders import field

STATE = State.from_psi(0, field())

vorticity = Field("vorticity", "rad", lambda state, previous, component: state.squared_norm)
crooked = Field("crooked", "", lambda state, previous, component: np.zeros(3, np.float32))
no_field = "a text"


@pytest.mark.parametrize(
    ("text", "name"), [("density:2", "density:2"), ("phase", "phase:0"), ("entropy", "entropy")]
)
def test_a_field_is_chosen_by_name_and_component(text, name):
    chosen = choose_field(text, 3)
    assert chosen.name == name
    assert chosen.compute(STATE).shape == (8, 8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flux", "unknown field 'flux'"),
        ("density:", "unknown field 'density:'"),
        ("density:3", "cells have 3 components, counted from 0"),
        ("entropy:1", "field entropy has no components"),
    ],
)
def test_an_unknown_field_or_component_is_refused(text, message):
    with pytest.raises(InputError, match=message) as error:
        choose_field(text, 3)
    assert error.value.hint


def test_an_installed_package_adds_a_field(monkeypatch):
    install(monkeypatch, GROUP, __name__, vorticity="vorticity")
    assert list_fields()[-1] == "vorticity"
    assert choose_field("vorticity", 3).compute(STATE) == pytest.approx(1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("missing", "cannot be loaded: module .* has no attribute 'missing'"),
        ("no_field", "is a str, not a Field"),
    ],
)
def test_the_error_names_a_broken_package(monkeypatch, value, message):
    install(monkeypatch, GROUP, __name__, strange=value)
    with pytest.raises(InputError, match=f"qca.fields 'strange' {message}"):
        list_fields()


def test_a_package_cannot_replace_a_built_in_field(monkeypatch):
    install(monkeypatch, GROUP, __name__, density="vorticity")
    with pytest.raises(InputError, match="has the name of a built-in field"):
        list_fields()


def test_a_field_of_another_shape_is_refused(monkeypatch):
    install(monkeypatch, GROUP, __name__, crooked="crooked")
    with pytest.raises(InputError, match=r"crooked: shape \(3,\) does not match the grid \(8, 8\)"):
        choose_field("crooked", 3).compute(STATE)
