import sys

import pytest

from infra.stack.process import run_streaming
from qca.core.errors import LaunchError


def test_the_cause_of_a_failed_install_in_a_build_is_in_the_message():
    script = "print('the cause'); print('what follows\\n' * 30); raise SystemExit(1)"
    seen: list[str] = []
    with pytest.raises(LaunchError, match="the cause") as caught:
        run_streaming([sys.executable, "-c", script], tick=seen.append, hint="Look there.")
    assert seen[0] == "the cause"
    assert caught.value.hint == "Look there."
