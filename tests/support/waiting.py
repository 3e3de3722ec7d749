"""Wait for what comes true a moment later."""

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
    """Return what `condition` gives as soon as that is true.

    Fails after `seconds`, or once `is_running` is false without it, with what `explain` says.
    """
    deadline = time.monotonic() + seconds
    while True:
        running = is_running()  # asked first: what it left at its end still counts
        if value := condition():
            return value
        assert running, f"ended before the condition came true: {explain()}"
        assert time.monotonic() < deadline, f"not true within {seconds:g} s: {explain()}"
        time.sleep(pause)
