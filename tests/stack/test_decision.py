from dataclasses import dataclass, field

import pytest

from infra.stack.decision import NOT_SHOWN, Decision, list_decisions, strip_reasons


@dataclass(frozen=True)
class Inner:
    threads: Decision[int]


@dataclass(frozen=True)
class Outer:
    name: str
    port: Decision[int | None]
    inner: Inner
    host: str = field(metadata=NOT_SHOWN)


PLAN = Outer("qca", Decision(None, "not published"), Inner(Decision(4, "four CPUs")), "laptop")


def test_without_reasons_a_plan_is_plain_data():
    assert strip_reasons(PLAN) == {"name": "qca", "port": None, "inner": {"threads": 4}}


def test_a_decision_is_found_by_its_path():
    assert {path: one.because for path, one in list_decisions(PLAN).items()} == {
        "port": "not published",
        "inner.threads": "four CPUs",
    }


def test_a_decision_cannot_be_a_condition():
    with pytest.raises(TypeError, match="its value"):
        bool(PLAN.port)
