"""Group the GPUs for which a check has the same result, so that it is reported once."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeVar

from infra.host.facts import Gpu

K = TypeVar("K")


def group_gpus(gpus: Sequence[Gpu], key: Callable[[Gpu], K]) -> dict[K, list[Gpu]]:
    """Return the GPUs grouped by `key`, in the order in which its values first occur."""
    groups: dict[K, list[Gpu]] = {}
    for gpu in gpus:
        groups.setdefault(key(gpu), []).append(gpu)
    return groups


def describe_gpus(gpus: Sequence[Gpu], of: Sequence[Gpu], detail: str = "") -> str:
    """Return the names of some of a host's GPUs: `GPUs 0-3, 6 (NVIDIA L4), GPU 4 (NVIDIA A2)`.

    If the host has only one GPU, return just its name: `NVIDIA L4`. A `detail` follows each name.
    """
    if len(of) == 1:
        return f"{gpus[0].name} ({detail})" if detail else gpus[0].name
    suffix = f", {detail}" if detail else ""
    return ", ".join(
        f"{_list_numbers([gpu.index for gpu in same])} ({name}{suffix})"
        for name, same in group_gpus(gpus, lambda gpu: gpu.name).items()
    )


def _list_numbers(numbers: list[int]) -> str:
    # Consecutive numbers differ from their positions by the same amount.
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    ]
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return f"GPU{'s' if len(numbers) > 1 else ''} {', '.join(texts)}"
