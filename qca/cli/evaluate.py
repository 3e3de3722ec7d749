"""`qca evaluate`: measure a trained automaton on unseen initial states."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qca.cli.automaton_options import device_option, load_automaton, what_argument
from qca.cli.messages import note
from qca.cli.next_steps import describe_report
from qca.cli.options import format_option, runs_option
from qca.cli.step_progress import show_steps
from qca.core.config import Device
from qca.core.units import format_count
from qca.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from qca.automaton.automaton import Automaton
    from qca.runs.evaluation import Evaluation, Statistic, Trial


@click.command()
@what_argument
@runs_option
@device_option
@click.option(
    "--against",
    multiple=True,
    metavar="WHAT",
    help="Another run to compare with (repeatable).",
)
@click.option(
    "--states",
    type=click.IntRange(2, 10_000),
    default=8,
    show_default=True,
    help="New initial states to average over.",
)
@click.option(
    "--beyond",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Factor for a trial with more steps and one with a larger grid than in training; "
    "1 omits both.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@format_option
def evaluate(
    what: str,
    runs: Path,
    device: Device,
    against: tuple[str, ...],
    states: int,
    beyond: int,
    seed: int,
    format_: str,
) -> None:
    """Measure a trained automaton on unseen initial states.

    WHAT is a run's name or folder, a checkpoint, or a .safetensors or .pth file from qca export. It
    runs from new initial states with the steps and the grid it was trained with, then with more
    steps and a larger grid, and is compared with its untrained network and other runs. Losses and
    measures are shown with standard errors. The result is also saved as evaluation.json in the run
    folder.
    """
    automaton = load_automaton(what, runs, device)
    others = [load_automaton(other, runs, device) for other in against]
    _tell_apart([automaton, *others], [what, *against])
    from qca.evaluation.evaluate import count_steps, list_conditions
    from qca.evaluation.evaluate import evaluate as run_trials
    from qca.runs.evaluation import build_document, write_evaluation

    conditions = list_conditions(automaton, beyond)
    total = count_steps(conditions, len(others) + 2, states)
    with show_steps(automaton.name, total) as on_steps:
        evaluation = run_trials(
            automaton, others, conditions, states=states, seed=seed, on_steps=on_steps
        )
    if format_ == "json":
        click.echo(json.dumps(build_document(evaluation), indent=2, allow_nan=False))
    else:
        _print_tables(evaluation)
    if automaton.folder is not None:  # last, so that the results are shown if this fails
        path = RunFolder(automaton.folder).evaluation
        write_evaluation(path, evaluation)
        note(f"Wrote {path}.\n{describe_report(automaton.folder)}")


def _tell_apart(automata: "Sequence[Automaton]", words: Sequence[str]) -> None:
    """Rename automata that share a name to the names that the user typed.

    Raises:
        UsageError: the user typed the same name twice.

    """
    names = [automaton.name for automaton in automata]
    for automaton, word in zip(automata, words, strict=True):
        if names.count(automaton.name) > 1:
            automaton.name = word
    names = [automaton.name for automaton in automata]
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise click.UsageError(f"named more than once: {', '.join(repeated)}")


def _print_tables(evaluation: "Evaluation") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    for condition in evaluation.list_conditions():
        trials = evaluation.select(condition)
        console.print(
            f"[bold]{condition}[/bold]: {format_count(trials[0].steps, 'step')}, "
            f"{trials[0].grid}x{trials[0].grid} cells, {format_count(evaluation.states, 'state')}"
        )
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column()
        for trial in trials:
            table.add_column(trial.automaton, justify="right")
        for name in trials[0].values:
            cells = [_format_statistic(trial.values.get(name)) for trial in trials]
            table.add_row(name.replace("_", " "), *cells)
        console.print(table)
        for trial in trials:
            if trial.loss_difference is not None:
                console.print(_describe_difference(trial), soft_wrap=True)
        console.print()


def _format_statistic(statistic: "Statistic | None") -> str:
    if statistic is None or statistic.mean is None:
        return "unknown"
    return f"{statistic.mean:.4g} \u00b1 {statistic.standard_error:.1g}"


def _describe_difference(trial: "Trial") -> str:
    difference = trial.loss_difference
    assert difference is not None
    if difference.mean is None:
        return f"{trial.automaton}: its loss is not finite here."
    if not difference.is_clear():
        return f"{trial.automaton}: no clear difference from the untrained network here."
    kind = "below" if difference.mean < 0 else "above"
    return (
        f"{trial.automaton}: its loss is {abs(difference.mean):.3g} \u00b1 "
        f"{difference.standard_error:.1g} {kind} the untrained network's."
    )
