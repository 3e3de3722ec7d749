"""Each promise of the security policy names a test, which exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def read_promises() -> list[str]:
    text = (ROOT / "SECURITY.md").read_text()
    promised = text.split("## What we promise, and test")[1].split("\n## ")[0]
    return [" ".join(one.split()) for one in re.split(r"^- ", promised, flags=re.MULTILINE)[1:]]


def test_each_promise_names_an_existing_test():
    promises = read_promises()
    assert len(promises) > 10
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)`", promise)
        assert named, promise
        assert all((ROOT / path).is_file() for path in named), promise


def test_each_module_of_attacks_backs_a_promise():
    text = " ".join(read_promises())
    modules = {path.name for path in (ROOT / "tests/attack").glob("test_*.py")}
    assert {name for name in modules if name not in text} == set()
