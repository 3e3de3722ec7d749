"""Parse the trainer's output and show its events."""

from collections.abc import Iterable

from qca.cli.progress import ProgressView
from qca.runs.events import parse_event


def show_lines(lines: Iterable[str], view: ProgressView) -> None:
    """Show the trainer's events; a line that is not an event is shown as a message."""
    for line in lines:
        try:
            event = parse_event(line)
        except ValueError:
            view.say(line)
            continue
        view.show(event)
