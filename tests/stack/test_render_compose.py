import re

import pytest
from ruamel.yaml import YAML

from infra.stack.compose_document import build_compose_document
from infra.stack.plan import plan_stack
from infra.stack.render_compose import render_compose
from infra.stack.run_storage import RunStorage
from qca.core.config import Config
from tests.support.hosts import bare_host

PLAN = plan_stack(bare_host(), Config())
TEXT = render_compose(PLAN, RunStorage())


def find_line_above(needle: str) -> str:
    lines = TEXT.splitlines()
    return lines[next(i for i, line in enumerate(lines) if needle in line) - 1]


def test_the_yaml_equals_the_document():
    assert YAML(typ="safe").load(TEXT) == build_compose_document(PLAN, RunStorage())


def test_the_reason_is_above_the_number():
    assert find_line_above("--maxmemory=1G").strip().startswith("#")
    assert "Dragonfly issue 3658" in find_line_above("mem_limit: 1383M")


FAR = RunStorage(volume="qca_runs")


@pytest.mark.parametrize("storage", [RunStorage(), FAR], ids=["here", "elsewhere"])
def test_the_head_explains_each_required_variable(storage):
    head, _, body = render_compose(PLAN, storage).partition("\nservices:")
    required = set(re.findall(r"\$\{(\w+):\?", body))
    assert {"QCA_TRAINER_IMAGE", "QCA_UID", "QCA_GID"} <= required
    assert all(f"  {variable}" in head or f", {variable}" in head for variable in required)
    assert "--build-arg BASE_IMAGE=python:3.13-slim" in head


def test_the_head_explains_how_to_deliver_the_password_to_an_engine_elsewhere():
    assert "-v qca_secret:/secret" in render_compose(PLAN, FAR)


def test_lines_are_short_enough_to_read():
    comments = [line for line in TEXT.splitlines() if line.lstrip().startswith("#")]
    assert max(map(len, comments)) <= 110
