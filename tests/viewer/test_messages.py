"""Valid messages of a page are parsed, and all others refused."""

import json

import pytest

from qca.core.errors import InputError
from qca.viewer.messages import ChooseField, ChooseSpeed, Perturb, Reset, Simple, parse_message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "play"}, Simple("play")),
        ({"kind": "shown"}, Simple("shown")),
        ({"kind": "reset", "seed": 3, "start": "random"}, Reset(seed=3, start="random")),
        ({"kind": "field", "name": "phase:2"}, ChooseField(name="phase:2")),
        ({"kind": "speed", "steps": 25}, ChooseSpeed(steps=25)),
        (
            {"kind": "perturb", "row": 1, "column": 2, "radius": 0},
            Perturb(row=1, column=2, radius=0),
        ),
    ],
)
def test_a_message_is_read(values, message):
    assert parse_message(json.dumps(values)) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{}",
        '{"kind": []}',
        '{"kind": "delete"}',
        '{"kind": "play", "more": 1}',
        '{"kind": "reset", "seed": "many", "start": "random"}',
        '{"kind": "reset", "seed": -1, "start": "random"}',
        '{"kind": "speed", "steps": 101}',
        '{"kind": "perturb", "row": 1, "column": 2}',
        b"\xff",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(InputError):
        parse_message(text)
