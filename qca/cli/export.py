"""`qca export`: save a trained automaton for other programs."""

from pathlib import Path

import click

from qca.cli.automaton_options import load_automaton, what_argument
from qca.cli.messages import note
from qca.cli.options import runs_option


@click.command()
@what_argument
@runs_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Output file: .safetensors (weights), .pth (weights for Atheria), .pt2 (one step, "
    "torch.export) or .onnx (one step).",
)
@click.option("--license", "license_text", metavar="TEXT", help="License named in the card.")
def export(what: str, runs: Path, output: Path, license_text: str | None) -> None:
    """Export a trained automaton for other programs.

    WHAT is a run's name or folder, a checkpoint, or a .safetensors or .pth file from qca export. A
    model card, FILE.md, is written next to the output file; it describes the file's content, its
    origin, and how to load it.
    """
    automaton = load_automaton(what, runs, "cpu")
    from qca.export.card import write_card
    from qca.export.files import export_automaton

    export_automaton(automaton, output)
    card = write_card(automaton, output, license_text)
    note(f"Wrote {output} and {card}.")
