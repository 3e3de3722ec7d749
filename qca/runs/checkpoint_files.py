"""The names of a run's checkpoint files, by episode; what is in them `qca.train` knows."""

import re
from pathlib import Path

_NAME = re.compile(r"episode-(\d{8,})\.safetensors")


def build_checkpoint_path(folder: Path, episode: int) -> Path:
    """Return where the checkpoint of `episode` lies in a folder of checkpoints."""
    return folder / f"episode-{episode:08d}.safetensors"


def list_checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints of a folder with their episodes, oldest first.

    Files of other names, an unfinished checkpoint among them, are left out.
    """
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.glob("*.safetensors"))
    return sorted((int(match[1]), path) for match, path in matches if match)
