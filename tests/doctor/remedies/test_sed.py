"""A sed script makes the same change as the edit and shows only the necessary part of the line."""

import subprocess

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from infra.compose_file.line_edits import Edit
from infra.doctor.remedies.sed import build_sed_script


def _run_sed(edit: Edit, script: str) -> list[str]:
    text = "first\n" * (edit.line - 1) + edit.old + "\n"
    done = subprocess.run(
        ["sed", script], input=text, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.splitlines()[edit.line - 1 :]


@pytest.mark.parametrize(
    ("old", "new", "script"),
    [
        ("command: --a=16 --b=2", ("command: --a=8 --b=2",), "2s/--a=16/--a=8/"),
        ("[16, '16', 16]", ("[16, '16', 8]",), "2s/16/8/3"),
        ("a/b: 1.5 [x]", ("a/b: 2&5 [x]",), r"2s/1\./2\&/"),
        ("x: --a", ("x: --a --b=1",), "2s/--a/--a --b=1/"),
        ("111", ("1111",), "2s/111/1111/"),
        ("  - --a", ("  - --a", "  - --b"), r"2s/\(\r*\)$/\1\n  - --b\1/"),
    ],
)
def test_the_script_contains_the_changed_words(old, new, script):
    edit = Edit("f.yml", 2, old, new)

    assert build_sed_script(edit) == script
    assert _run_sed(edit, script) == list(new)


words = st.text(alphabet="a1= .*[]/&\\^$'\",", min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=words, old=words, new=words, after=words)
def test_sed_makes_the_same_change_as_the_edit(before, old, new, after):
    assume(old != new)
    edit = Edit("f.yml", 1, f"{before}{old}{after}", (f"{before}{new}{after}",))

    assert _run_sed(edit, build_sed_script(edit)) == list(edit.new)
