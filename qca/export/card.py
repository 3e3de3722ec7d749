"""Write the model card of an exported file: its content, its origin, and how to load it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from qca.automaton.automaton import Automaton
from qca.core.atomic_files import write_atomically
from qca.core.distribution import read_version
from qca.core.unet_shape import GRID_MULTIPLE
from qca.core.units import format_count
from qca.export.files import Format, parse_format
from qca.measures.over_time import MEASURES, measure_series
from qca.measures.state import State
from qca.memory.budget import count_parameters
from qca.runs.run import Run, read_run

_CONTENTS: Mapping[Format, str] = {
    "safetensors": "the float32 weights, keyed by their state-dict names; the configuration is "
    "in the file's metadata",
    "pth": "the float32 weights under `model_state_dict`, where the Atheria project's `load_model` "
    "expects them for `UNET_UNITARY`",
    "pt2": "one step psi -> psi as a `torch.export` program",
    "onnx": "one step psi -> psi as an ONNX model",
}

_STEP = (
    "The real and imaginary parts are two float32 tensors (batch, {d_state}, H, W), with H and W "
    f"multiples of {GRID_MULTIPLE}; so are the two results. The initial cells have norm 1."
)

_LOADERS: Mapping[Format, str] = {
    "safetensors": """import qca

automaton = qca.load("{file}")
for state in automaton.rollout(steps=500):
    print(state.step, qca.measure(state)["entropy"])
""",
    "pth": """import torch
from src.models.unet_unitary import UNetUnitary  # of Atheria

model = UNetUnitary(d_state={d_state}, hidden_channels={hidden_channels})
model.load_state_dict(torch.load("{file}")["model_state_dict"])
""",
    "pt2": """import torch

step = torch.export.load("{file}").module()
psi = torch.randn(1, {d_state}, {grid}, {grid}, dtype=torch.complex64)
psi = psi / psi.norm(dim=1, keepdim=True)
real, imaginary = step(psi.real.contiguous(), psi.imag.contiguous())
""",
    "onnx": """import numpy as np, onnxruntime

session = onnxruntime.InferenceSession("{file}")
parts = np.random.standard_normal((2, 1, {d_state}, {grid}, {grid})).astype(np.float32)
parts /= np.sqrt((parts**2).sum(axis=(0, 2), keepdims=True))
real, imaginary = session.run(None, dict(real=parts[0], imaginary=parts[1]))
""",
}


def write_card(automaton: Automaton, path: Path, license_text: str | None) -> Path:
    """Write the card of an exported file next to it as FILE.md; return its path.

    Raises:
        LaunchError: it cannot be written.

    """
    run = read_run(automaton.folder) if automaton.folder else None
    card = path.with_name(path.name + ".md")
    write_atomically(card, render_card(automaton, run, path, license_text))
    return card


def render_card(automaton: Automaton, run: Run | None, path: Path, license_text: str | None) -> str:
    """Return the card as Markdown."""
    config, format_ = automaton.config, parse_format(path)
    shape = {
        "file": path.name,
        "d_state": config.d_state,
        "hidden_channels": config.hidden_channels,
        "grid": config.grid,
    }
    lines = [
        f"# {automaton.name}",
        "",
        "A neural quantum cellular automaton: a U-Net maps the state of the whole grid to the "
        "change in each cell.",
        "",
        f"- File: `{path.name}`, {_CONTENTS[format_]}.",
        f"- License: {license_text or 'not stated'}.",
        f"- Parameters: {count_parameters(config.d_state, config.hidden_channels):,}.",
        f"- Cells: {config.d_state} complex components; trained on {config.grid}x{config.grid} "
        f"cells, {format_count(config.steps, 'step')} per episode.",
        f"- Update: {config.update}, gamma {config.gamma}.",
        *_describe_training(automaton, run),
        f"- Exported by qca {read_version()}.",
        "",
        "## Load it",
        "",
        "```python",
        _LOADERS[format_].format(**shape).rstrip(),
        "```",
        "",
    ]
    if format_ in ("pt2", "onnx"):
        lines += [_STEP.format(**shape), ""]
    lines += ["## Measures", "", *_describe_measures(run), ""]
    lines += ["## Configuration", "", "```toml", "[train]", *_list_settings(automaton), "```"]
    return "\n".join(lines) + "\n"


def _describe_training(automaton: Automaton, run: Run | None) -> Iterator[str]:
    """Yield the known facts about the training run."""
    config, episode = automaton.config, automaton.episode
    unknown = "an unknown number of episodes"
    trained = unknown if episode is None else format_count(episode, "episode")
    yield f"- Trained: {trained}, loss `{config.loss}`, noise up to {config.max_noise}."
    if run is None or not run.records:
        return
    last = next((record for record in reversed(run.records) if record.episode == episode), None)
    if last is not None:
        yield f"- Loss of the last episode: {last.loss:.6g}."
    if run.start_time:
        yield f"- Training started {run.start_time}, on {run.device}, {config.precision}."


def _describe_measures(run: Run | None) -> Iterator[str]:
    """Yield a table of the measures of the run's own sample rollout, if there is one."""
    if run is None or run.snapshots is None or len(run.snapshots.states) < 2:
        yield (
            "Not measured: there is no sample rollout. Run `qca evaluate` to measure the automaton."
        )
        return
    steps = list(run.snapshots.states)
    first, last = steps[0], steps[-1]
    states = (State.from_psi(step, run.snapshots.states[step]) for step in steps)
    series = measure_series(states)
    episode = f"{run.snapshots.episode:,}"
    yield f"One rollout from the run's first state, with the weights after episode {episode}:"
    yield ""
    yield f"| measure | step {first} | step {last:,} | unit |"
    yield "| --- | --- | --- | --- |"
    for measure in MEASURES:
        if measure.name in ("energy", "activity"):
            continue  # a snapshot has neither the norm before renormalization nor the previous step
        values = series[measure.name]
        name = measure.name.replace("_", " ")
        yield f"| {name} | {values[0]:.4g} | {values[-1]:.4g} | {measure.unit} |"


def _list_settings(automaton: Automaton) -> Iterator[str]:
    """Yield the configuration as lines of a `qca.toml`."""
    for key, value in asdict(automaton.config).items():
        if value is not None:
            yield f"{key} = " + (f'"{value}"' if isinstance(value, str) else str(value))
