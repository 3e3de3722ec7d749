"""One evolution with the trained model, looked at at a few moments: `states.safetensors`.

Made when a training is complete, and never before: it costs up to a third of an episode and
memory of its own, and a training that runs, or is told to stop, has neither to spare. What
cannot be made is said and fails nothing; the training itself is safe by then.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag

from qca.core.config import TrainConfig
from qca.core.errors import QcaError
from qca.runs.events import Event, Finished
from qca.runs.run_folder import RunFolder

# As many pictures as stand beside each other on a page.
MOMENTS = 8


@contextmanager
def at_the_end(
    config: TrainConfig, run_dir: Path, *, stop: Flag, warn: Callable[[str], None]
) -> Iterator[Callable[[Event], None]]:
    """Yield a listener to a training; once it is complete, and its memory free, write the states.

    A run that was complete before gets them where it has none yet.
    """
    wanted = False

    def on_event(event: Event) -> None:
        nonlocal wanted
        if isinstance(event, Finished):
            there = RunFolder(run_dir).states.exists()
            wanted = event.reason == "complete" or (
                event.reason == "already-complete" and not there
            )

    yield on_event
    if wanted:
        try:
            take(config, run_dir, stop=stop)
        except (QcaError, MemoryError, RuntimeError) as error:  # torch's refusals are the latter
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            warn(f"no pictures of the state: {first}")


def take(config: TrainConfig, run_dir: Path, *, stop: Flag) -> None:
    """Evolve the run's first state, without noise, by its newest checkpoint, and write moments.

    Writes nothing where there is no checkpoint, or where `stop` is set on the way.

    Raises:
        CheckpointError: the states cannot be written, or no checkpoint can be read.
        LaunchError: a trainer writes to the run.

    """
    import gc

    import torch

    from qca.model.evolution import Evolution
    from qca.model.initial_state import draw_initial_state
    from qca.runs import snapshots
    from qca.train.checkpoint import MODEL, find_newest_intact
    from qca.train.weights import new_model

    gc.collect()  # a training's graphs hold on to each other, and to a device's memory
    folder = RunFolder(run_dir)
    with folder.hold(), torch.inference_mode():
        found, _ = find_newest_intact(folder.checkpoints)
        if found is None:
            return
        cuda = config.device != "cpu" and torch.cuda.is_available()
        model = new_model(config)
        model.load_state_dict(found.select(MODEL))
        evolution = Evolution(model.to("cuda" if cuda else "cpu"), config.gamma, config.update)
        psi = draw_initial_state(config.seed, range(1), d_state=config.d_state, grid=config.grid)
        psi = psi.to("cuda" if cuda else "cpu")
        wanted = moments(config.steps)
        seen = {0: psi}
        for step in range(1, config.steps + 1):
            if stop.is_set():
                return
            folder.beat()
            psi = evolution(psi)
            if step in wanted:
                seen[step] = psi
        states = {step: psi[0].cpu().numpy() for step, psi in seen.items()}
        snapshots.write(folder.states, found.episode, states)


def moments(steps: int) -> list[int]:
    """Return at which steps to look: the start, the end, and evenly between them."""
    count = min(MOMENTS, steps + 1)
    return [round(steps * number / (count - 1)) for number in range(count)]
