"""Wait for a condition to become true."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T | None],
    seconds: float = 60.0,
    *,
    pause: float = 0.05,
    is_running: Callable[[], bool] = lambda: True,
    explain: Callable[[], str] = lambda: "",
) -> T:
    """Return the result of `condition` as soon as it is true.

    Fails with the text of `explain` after `seconds`, or once `is_running` is false.
    """
    deadline = time.monotonic() + seconds
    while True:
        running = is_running()  # checked first, since its last output still counts
        if value := condition():
            return value
        assert running, f"ended before the condition came true: {explain()}"
        assert time.monotonic() < deadline, f"not true within {seconds:g} s: {explain()}"
        time.sleep(pause)
