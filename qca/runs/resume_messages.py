"""What a training that goes on from a checkpoint has to say of it. Pure."""

from collections.abc import Sequence


def made_again_until(episode: int, last_line: int, skipped: Sequence[int]) -> int | None:
    """Return the last episode that had been made after the checkpoint; None where none had.

    Args:
        episode: whole episodes of the checkpoint; 0 where there is none.
        last_line: the last episode of which `metrics.jsonl` told.
        skipped: episodes of which the journal tells, since they have no such line.

    """
    last = max(last_line, *skipped, 0)
    return last if last > episode else None


def made_again(first: int, until: int) -> str:
    """Return the sentence for a person; `until` is what `made_again_until` returned."""
    what = f"Episode {first:,} had" if first == until else f"Episodes {first:,} to {until:,} had"
    each = "is" if first == until else "are"
    since = "before the first checkpoint" if first == 1 else "after the last intact checkpoint"
    return f"{what} been made {since} and {each} made again"


def lost_lines(lines: int, learned: int) -> list[str]:
    """Say that `metrics.jsonl` has fewer lines than episodes were learned from, if it has."""
    if lines >= learned:
        return []
    return [
        f"metrics.jsonl has lines of {lines} episodes up to the checkpoint, which learned from "
        f"{learned}: the others are lost"
    ]


def other_batch(before: int | None, now: int, batch_size: int) -> list[str]:
    """Say that another number of processes makes another combined batch, if it does.

    `before` is None for a checkpoint that does not know how many they were.
    """
    if before is None or before == now:
        return []
    return [
        f"the combined batch was {before * batch_size} and is now {now * batch_size}: "
        f"{_processes(before)} trained together up to the checkpoint, now {_processes(now)}, "
        f"with batch_size={batch_size} each"
    ]


def _processes(number: int) -> str:
    return f"{number} process" if number == 1 else f"{number} processes"
