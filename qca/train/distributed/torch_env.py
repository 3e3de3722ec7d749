"""What torch and the C library read from the environment. Needs no torch, must come before it."""

import os


def prepare_environment() -> None:
    """Set how they wait and allocate; what the person has set stays."""
    _keep_user_modules_out()
    _set_passive_waiting()
    _set_growing_segments()
    _limit_nccl_blocks()
    _shorten_name_lookups()


def _keep_user_modules_out() -> None:
    """Let no Python that torch starts (launcher, compile workers) import from the user's folder."""
    os.environ["PYTHONSAFEPATH"] = "1"


def _set_passive_waiting() -> None:
    """Let OpenMP's threads sleep between two parallel regions instead of spinning.

    A small automaton makes thousands of short parallel regions a second. Where other work
    shares the cores, spinning threads keep the ones they wait for from running: measured
    at 2 threads on 2 cores under a load of 5, an episode of the profile `cpu` took 13 s
    spinning and 1.1 s sleeping.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _set_growing_segments() -> None:
    """Let CUDA's allocator grow its segments instead of leaving holes between them.

    Measured on an H100 with torch 2.11, 50 steps of the whole model in float32: 710 MiB
    reserved instead of 806, at batch 4 1006 MiB instead of 1216.
    """
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")


def _limit_nccl_blocks() -> None:
    """Let NCCL use four of a GPU's multiprocessors at most, and memory for as many.

    There is one all-reduce of the gradients an episode. Measured on two H100 joined by NVLink
    (NCCL 2.28, torch 2.11), whole model of 20 steps: each GPU holds 368 MiB more than one that
    trains alone instead of 776, and an episode takes 0.153 s instead of 0.156.
    """
    os.environ.setdefault("NCCL_MAX_CTAS", "4")


def _shorten_name_lookups() -> None:
    """Let the C library give a name up after two seconds instead of ten (resolv.conf(5)).

    A store that starts anew has no name meanwhile. Measured on Engine 20.10: of a name that is not
    there, a container in a network without a way out hears after 10 s, and with this after 2.
    """
    os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:2")
