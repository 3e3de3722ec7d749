"""The names of a run's checkpoint files. `qca.train.checkpoint` reads and writes the content."""

import re
from pathlib import Path

_NAME = re.compile(r"episode-(\d{8,})\.safetensors")


def build_checkpoint_path(folder: Path, episode: int) -> Path:
    """Return the path of the checkpoint of `episode` in a folder of checkpoints."""
    return folder / f"episode-{episode:08d}.safetensors"


def list_checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints of a folder with their episodes, oldest first.

    Ignores files with other names, such as an unfinished checkpoint.
    """
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.glob("*.safetensors"))
    return sorted((int(match[1]), path) for match, path in matches if match)
