"""Pure functions for the messages of a run that resumes from a checkpoint."""

from collections.abc import Mapping, Sequence

from qca.core.units import format_count, pluralize


def find_last_repeated(episode: int, last_line: int, skipped: Sequence[int]) -> int | None:
    """Return the last episode trained before the restart, or None if none is repeated.

    Args:
        episode: number of complete episodes in the checkpoint; 0 if there is none.
        last_line: the last episode in `metrics.jsonl`.
        skipped: the skipped episodes of the journal, which have no line in `metrics.jsonl`.

    """
    last = max(last_line, *skipped, 0)
    return last if last > episode else None


def describe_repeated_episodes(first: int, last: int) -> str:
    """Return a sentence about the episodes that the restart repeats."""
    since = "before the first checkpoint" if first == 1 else "after the last intact checkpoint"
    if first == last:
        return f"Episode {first:,} was trained {since} and is repeated"
    return f"Episodes {first:,} to {last:,} were trained {since} and are repeated"


def describe_config_change(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """Return the changed keys with both values: "learning_rate from 0.0001 to 0.01"."""
    return ", ".join(f"{key} from {before.get(key)} to {value}" for key, value in now.items())


def describe_lost_lines(lines: int, learned: int) -> list[str]:
    """Return a sentence if `metrics.jsonl` lacks lines of episodes that the checkpoint contains."""
    if lines >= learned:
        return []
    of_all = f"{lines} of the {format_count(learned, 'episode')}"
    return [f"metrics.jsonl has {of_all} up to the checkpoint; the other lines are lost"]


def describe_batch_change(before: int | None, now: int, batch_size: int) -> list[str]:
    """Return a sentence if the number of processes, and so the combined batch, has changed.

    `before` is None for a checkpoint that does not record the number.
    """
    if before is None or before == now:
        return []
    return [
        f"the combined batch was {before * batch_size} and is now {now * batch_size}: "
        f"{before} {pluralize(before, 'process', 'processes')} trained up to the checkpoint, and "
        f"{now} now {'trains' if now == 1 else 'train'}, with batch_size={batch_size} each"
    ]
