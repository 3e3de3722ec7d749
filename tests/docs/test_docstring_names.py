"""The modules, classes and functions that docstrings mention exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MENTION = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)`")

FILES = re.compile(r"\.(css|j2|json|jsonl|py|safetensors|toml|yaml)$")
# What else has dots in its name, by its first part.
OTHER_NAMES = {
    *("cpu", "kernel"),  # files of the kernel
    *("deploy", "secrets"),  # keys of a Compose file
    *("dragonfly", "trainer"),  # numbers of a plan
    *("event", "exp_avg", "loss"),  # variables and data
    *("tests", "threading", "torch"),
}
ENTRY_POINTS = {"qca.fields", "qca.losses"}


@cache
def list_names() -> frozenset[str]:
    """Return the full name of every module, and of what each defines at its top or in a class."""
    return frozenset(
        name
        for file in list_modules()
        for name in list_names_in(name_module(file), ast.parse(file.read_text()))
    )


def list_modules() -> list[Path]:
    return [file for package in ("qca", "infra") for file in (ROOT / package).rglob("*.py")]


def name_module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def list_names_in(owner: str, node: ast.Module | ast.ClassDef) -> Iterator[str]:
    yield owner
    for child in node.body:
        match child:
            case ast.ClassDef():
                yield from list_names_in(f"{owner}.{child.name}", child)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{owner}.{child.name}"
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                yield f"{owner}.{name}"
            case _:
                pass


def exists(mention: str) -> bool:
    """Return whether a mention is the end of a full name; `events.Saved` is enough."""
    return any(f".{name}".endswith(f".{mention}") for name in list_names())


def list_mentions(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Expr(ast.Constant(str(text))):
                yield from MENTION.findall(text)
            case _:
                pass


def is_of_ours(mention: str) -> bool:
    is_other = mention.partition(".")[0] in OTHER_NAMES or mention in ENTRY_POINTS
    return not is_other and not FILES.search(mention)


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        ("launch_compose.prepare", True),
        ("infra.stack", True),
        ("qca.runs.run.Status", True),
        ("TrainConfig.grid", True),
        ("launch.prepare", False),
        ("qca.runs.run.Sta", False),
    ],
)
def test_a_mention_may_leave_out_the_packages_but_no_part_of_a_name(mention, expected):
    assert exists(mention) is expected


def test_docstrings_mention_what_exists():
    mentions = {
        f"{name_module(file)}: {mention}"
        for file in list_modules()
        for mention in list_mentions(file)
        if is_of_ours(mention) and not exists(mention)
    }
    assert mentions == set()
