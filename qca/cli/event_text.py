"""Format a run's events as readable lines."""

from qca.core.units import format_count, format_size
from qca.runs.events import (
    CheckpointWritten,
    ConfigChanged,
    EpisodeRecord,
    Event,
    Finished,
    Noted,
    PlanChanged,
    Skipped,
    Started,
)
from qca.runs.resume_messages import describe_config_change, describe_repeated_episodes

_ENDINGS = {
    "complete": "Done: {}.",
    "stopped": "Stopped after {}; {} resumes from there.",
    "already-complete": "This run is complete: {}. "
    "--episodes extends it, --run NAME starts another.",
}


def describe_event(event: Event, *, resume: str = "the same command") -> list[str]:
    """Return the event as lines; `resume` is the command that resumes a stopped training run."""
    match event:
        case Started():
            return _describe_start(event)
        case EpisodeRecord():
            return [f"episode {event.episode}  {'  '.join(format_numbers(event))}"]
        case Finished():
            return [_ENDINGS[event.reason].format(format_count(event.episodes, "episode"), resume)]
        case Skipped():
            return [f"Skipped episode {event.episode}: {event.because}."]
        case PlanChanged():
            return [
                f"Out of memory; retrying episode {event.episode} with recompute "
                f"{event.recompute}, optimizer state on {event.optimizer_state}."
            ]
        case ConfigChanged():
            changes = describe_config_change(event.before, event.now)
            return [f"Note: changed from episode {event.episode:,} on: {changes}."]
        case Noted():
            return [f"Note: {event.message}."]
        case CheckpointWritten():
            return [f"Saved the checkpoint of episode {event.episode}."]


def format_numbers(record: EpisodeRecord) -> list[str]:
    """Return the main numbers of an episode, most important first."""
    return [
        f"loss {record.loss:.4g}",
        f"{record.steps_per_second:.3g} steps/s",
        format_size(record.memory_bytes),
    ]


def _describe_tapes(event: Started) -> str:
    if event.tapes == event.steps:
        return " for no step: all are kept"
    if event.tapes == 0:
        return ""
    return f", keeping the last {event.tapes} of {event.steps} steps"


def _describe_start(event: Started) -> list[str]:
    predicted = event.predicted_memory_bytes
    peak = "" if predicted is None else f", predicted peak {format_size(predicted)}"
    segment = "" if event.segment == 1 else f" in segments of {event.segment} steps"
    tapes = "" if event.recompute == "none" else _describe_tapes(event)
    together = "" if event.processes == 1 else f" in {event.processes} processes"
    lines = [
        f"Training `{event.run}`: {event.parameters:,} parameters, "
        f"{event.grid}x{event.grid} cells, {format_count(event.steps, 'step')} per episode, on "
        f"{event.device}{together}, {event.precision}, "
        f"recompute {event.recompute}{segment}{tapes}{peak}."
    ]
    if event.made_again_until is not None:
        repeated = describe_repeated_episodes(event.first_episode, event.made_again_until)
        lines.append(f"Note: {repeated}.")
    return [*lines, *(f"Note: {warning}" for warning in event.warnings)]
