"""The help of `qca`, and the modules that are not loaded for it."""

import subprocess
import sys

import pytest

from tests.support.loaded_modules import CLIENTS, TORCH, list_loaded_modules
from tests.support.program import environment

COMMANDS = [
    "doctor",
    "explain",
    "init",
    "plan",
    "render",
    "up",
    "status",
    "logs",
    "down",
    "train",
    "estimate",
    "rollout",
    "evaluate",
    "view",
    "export",
    "report",
    "completion",
]
SHARED_FORMAT = ["doctor", "plan", "status", "estimate", "evaluate"]


def commands_of(help_text: str) -> list[str]:
    """Return the names in a help's command list, skipping continuation lines."""
    lines = help_text.split("Commands:\n")[1].splitlines()
    return [line.split()[0] for line in lines if line[:3].strip()]


def test_commands_are_listed_in_order_of_use(qca):
    listed = commands_of(qca("--help").stdout)
    assert [name for name in listed if name in COMMANDS] == COMMANDS


@pytest.mark.parametrize("command", [*COMMANDS, "render compose", "render kubernetes"])
def test_the_help_of_every_command_starts_with_a_sentence(qca, command):
    text = qca(*command.split(), "--help").stdout
    assert text.startswith(f"Usage: qca {command} ")
    assert text.splitlines()[2].strip().endswith(".")


@pytest.mark.parametrize("command", SHARED_FORMAT)
def test_output_for_scripts_is_available_as_json(qca, command):
    assert "--format [text|json" in qca(command, "--help").stdout


def test_the_version_is_the_distributions(qca):
    from importlib.metadata import version

    assert version("qca-trainer") in qca("--version").stdout


def test_help_loads_nothing_heavy():
    assert not list_loaded_modules("--help") & (TORCH | CLIENTS)


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--format", "json"),
        ("explain", "QCA301"),
        ("plan",),
        ("render", "compose"),
        ("render", "kubernetes"),
        ("estimate", "--device", "cpu"),
        ("status",),
        ("runs",),
    ],
    ids=lambda words: " ".join(words),
)
def test_a_base_install_is_enough(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not list_loaded_modules(*words) & TORCH


def test_where_there_is_no_compose_file_the_doctor_loads_neither_parsers_nor_rich(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    slow = {"jsonschema", "pydantic", "rich", "ruamel", "yaml"}
    assert not list_loaded_modules("doctor") & slow


def test_the_host_is_probed_while_the_checks_are_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    probe = (
        "import sys, infra.host.collect as collect\n"
        "start = collect.start_probes\n"
        "def started(*given):\n"
        "    print('infra.doctor.checks' in sys.modules, file=sys.stderr)\n"
        "    start(*given)\n"
        "collect.start_probes = started\n"
        "from qca.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, "doctor"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[0] == "False"


def test_the_frozen_dataclasses_that_the_doctor_loads_share_their_methods(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    probe = (
        "import inspect, sys\n"
        "from qca.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.startswith(('infra.', 'qca.')):\n"
        "        for kind in filter(inspect.isclass, list(vars(module).values())):\n"
        "            if getattr(vars(kind).get('__dataclass_params__'), 'frozen', False):\n"
        "                print(kind, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, "doctor"], env=environment(), capture_output=True, text=True
    )
    assert done.stderr == ""
