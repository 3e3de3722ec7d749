"""Set the environment variables of torch and the C library; call this before importing torch."""

import os


def prepare_environment() -> None:
    """Set how torch and the C library wait and allocate, unless the user has set it."""
    _keep_user_modules_out()
    _set_passive_waiting()
    _set_growing_segments()
    _limit_nccl_blocks()
    _shorten_name_lookups()


def _keep_user_modules_out() -> None:
    """Keep Python processes that torch starts from importing from the user's folder."""
    os.environ["PYTHONSAFEPATH"] = "1"


def _set_passive_waiting() -> None:
    """Let OpenMP's threads sleep between two parallel regions instead of spinning.

    A small automaton runs thousands of short parallel regions per second. If other work shares the
    cores, spinning threads keep the threads they wait for from running: measured
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

    The gradients need only one all-reduce per episode. Measured on two H100 joined by NVLink
    (NCCL 2.28, torch 2.11), full model with 20 steps: each GPU holds 368 MiB more than a GPU that
    trains alone, instead of 776 MiB, and an episode takes 0.153 s instead of 0.156.
    """
    os.environ.setdefault("NCCL_MAX_CTAS", "4")


def _shorten_name_lookups() -> None:
    """Let the C library give up a name lookup after two seconds instead of ten (resolv.conf(5)).

    While a store restarts, its name does not resolve. Measured on Engine 20.10: in a container on
    an isolated network, looking up a missing name fails after 10 s, with this setting after 2.
    """
    os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:2")
