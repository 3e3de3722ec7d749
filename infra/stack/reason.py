"""Why a number is what it is: every sized number carries one of these."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """The sentence behind one number of the plan."""

    for_: str
    """Path of the number in the plan, e.g. `dragonfly.maxmemory_bytes`."""
    because: str
