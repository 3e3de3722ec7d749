"""How torch's CPU threads wait for one another. Needs no torch, and must come before it."""

import os


def wait_passively() -> None:
    """Let OpenMP's threads sleep between two parallel regions instead of spinning.

    A small automaton makes thousands of short parallel regions a second. Where other work
    shares the cores, spinning threads keep the ones they wait for from running: measured
    at 2 threads on 2 cores under a load of 5, an episode of the profile `cpu` took 13 s
    spinning and 1.1 s sleeping. What the person has set stays. OpenMP reads the variable
    once, when torch is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
