"""The output of `qca plan` for a recorded server."""

import json
import re
from pathlib import Path

import pytest

HOSTS = Path(__file__).parents[1] / "hosts"
SERVER = HOSTS / "server-8-gpus.json"
CPU_ENGINE = HOSTS / "cpu-engine.json"
TOGETHER = ("gpus", "nnodes", "rdzv endpoint", "combined batch")
TWO_MACHINES = ("--nnodes", 2, "--rdzv-endpoint", "gpu1:29400")


def rows(text: str) -> dict[str, str]:
    """Return the values and their reasons by the name of the row."""
    lines = [line for line in text.splitlines() if line.strip()]
    value = lines[0].index("value")
    return {line[:value].strip(): line[value:].strip() for line in lines[1:]}


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ((), {}),
        (("--gpus", 1), {}),
        (
            ("--gpus", "all"),
            {
                "gpus": "8 all requested, 8 found; ",
                "combined batch": "8 samples per episode: 8 processes, each with batch_size 1",
            },
        ),
        (
            TWO_MACHINES,
            {
                "nnodes": "2",
                "rdzv endpoint": "gpu1:29400",
                "combined batch": "2 samples per episode: 2 processes, ",
            },
        ),
        (
            ("--gpus", 4, "--batch-size", 3, *TWO_MACHINES),
            {
                "gpus": "4 4 requested, 4 found; ",
                "nnodes": "2",
                "rdzv endpoint": "gpu1:29400",
                "combined batch": "24 samples per episode: 8 processes, each with batch_size 3",
            },
        ),
        (
            ("--device", "cpu", "--profile", "cpu", *TWO_MACHINES),
            {
                "nnodes": "2",
                "rdzv endpoint": "gpu1:29400",
                "combined batch": "2 samples per episode: 2 processes, ",
            },
        ),
    ],
)
def test_numbers_of_gpus_and_machines_are_shown_unless_one(qca, flags, shown):
    done = qca("plan", "--facts", SERVER, *flags, COLUMNS="200")
    found = {
        name: " ".join(text.split()) for name, text in rows(done.stdout).items() if name in TOGETHER
    }
    assert found.keys() == shown.keys()
    assert all(found[name].startswith(text) for name, text in shown.items()), found


def test_the_json_has_the_same_keys_for_any_number_of_gpus(qca):
    one, many = (
        json.loads(qca("plan", "--facts", SERVER, "--format", "json", *flags).stdout)
        for flags in ((), ("--gpus", 4, *TWO_MACHINES))
    )
    assert one.keys() == many.keys()
    assert one["trainer"].keys() == many["trainer"].keys()
    values = [many["trainer"][key] for key in ("gpus", "nnodes", "rdzv_endpoint", "batch_size")]
    assert values == [4, 2, "gpu1:29400", 1]


@pytest.mark.parametrize("columns", ["60", "80", "100"])
def test_words_are_not_broken_at_the_terminals_width(qca, columns):
    document = json.loads(qca("plan", "--facts", SERVER, "--format", "json").stdout)
    reasons = " ".join(one["because"] for one in document["reasons"]).split()
    text = qca("plan", "--facts", SERVER, COLUMNS=columns).stdout
    start = text.splitlines()[0].index("because")
    table = text.split("\n\n")[0].splitlines()[1:]
    shown = [word for line in table for word in line[start:].split()]
    assert set(shown) <= set(reasons)
    assert all(len(line) <= int(columns) for line in text.splitlines())


def test_without_docker_there_are_no_rows_for_store_and_container(qca):
    text = qca("plan", "--facts", SERVER, "--runtime", "local").stdout
    assert "maxmemory" not in text
    assert "container memory" not in text
    assert "store" not in text.split("trainer\n")[0]
    assert "predicted peak" in text


@pytest.mark.parametrize(("tag", "is_named"), [("v1.40.1", False), ("v2.1", True)])
def test_the_license_of_dragonfly_2_is_named(qca, tag, is_named):
    image = f"docker.dragonflydb.io/dragonflydb/dragonfly:{tag}"

    done = qca("plan", "--facts", SERVER, "--runtime", "compose", "--store-image", image)

    assert ("DSAL" in done.stderr) is is_named


@pytest.mark.parametrize("columns", ["60", "100"])
def test_a_plan_for_a_gpu_compares_the_other_precisions(qca, columns):
    _, table, *_ = qca("plan", "--facts", SERVER, COLUMNS=columns).stdout.split("\n\n")

    rows = [line.split() for line in table.splitlines() if re.search(" (none|step) ", line)]
    assert {row[0] for row in rows} == {"fp32", "tf32", "bf16", "fp16"}
    assert [row[1] for row in rows].count("*") == 1
    assert "…" not in table


def test_a_plan_for_a_cpu_has_nothing_to_compare(qca):
    assert "drift" not in qca("plan", "--facts", CPU_ENGINE).stdout
