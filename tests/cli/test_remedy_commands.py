"""The commands of a remedy repeat the options of the `qca up` that was refused."""

from dataclasses import replace

import pytest

from infra.doctor.finding import Remedy
from qca.cli.remedy_commands import repeat_options
from tests.support.hosts import bare_host, one

OPTIONS = ["up", "--config=my file.toml", "--run=b", "--maxmemory=2G", "--grid=64", "--detach"]


@pytest.mark.parametrize(
    ("command", "completed"),
    [
        (
            "QCA_STACK_MAXMEMORY=256M qca up",
            "QCA_STACK_MAXMEMORY=256M qca up '--config=my file.toml' --run=b --grid=64 --detach",
        ),
        (
            "qca up --profile cpu",
            "qca up '--config=my file.toml' --run=b --maxmemory=2G --detach --profile cpu",
        ),
        ("sudo systemctl start docker", "sudo systemctl start docker"),
    ],
)
def test_the_options_are_repeated_except_for_those_that_are_replaced(command, completed):
    finding = replace(one(bare_host(), "QCA603"), remedies=(Remedy("Fix", (command,)),))
    [changed] = repeat_options([finding], OPTIONS)

    assert changed.remedies[0].commands == (completed,)
