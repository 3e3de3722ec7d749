"""Index the complete lines of a run's `metrics.jsonl` by their episode, for the sender."""

import json
from array import array
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path

from qca.core.plain_files import open_plain


class MetricsSpool:
    """The complete lines of a growing file, numbered from 0; episodes ascend, with gaps.

    The index takes 16 bytes per line. With it, the sender need not read the whole file again
    to find and restore the lines that a store has lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._episodes = array("q")
        self._bounds = array("q", [0])  # line i lies between bounds i and i + 1

    def __len__(self) -> int:
        """Return the number of complete lines that `read_appended` has found."""
        return len(self._episodes)

    def read_appended(self) -> None:
        """Index the lines appended since the last call, except one that is still being written."""
        if not self.path.exists():
            return
        with open_plain(self.path, follow=False) as file:
            file.seek(self._bounds[-1])
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._episodes.append(json.loads(line)["episode"])
                self._bounds.append(self._bounds[-1] + len(line))

    def read_lines(self, start: int, stop: int) -> list[tuple[int, bytes]]:
        """Return the episodes and lines numbered from `start` to `stop` - 1."""
        bounds = self._bounds[start : stop + 1]
        with open_plain(self.path, follow=False) as file:
            file.seek(bounds[0])
            content = file.read(bounds[-1] - bounds[0])
        lines = [content[a - bounds[0] : b - bounds[0] - 1] for a, b in pairwise(bounds)]
        return list(zip(self._episodes[start:stop], lines, strict=True))

    def find_line(self, episode: int) -> int | None:
        """Return the number of an episode's line; None if the episode has no line."""
        number = bisect_left(self._episodes, episode)
        found = number < len(self) and self._episodes[number] == episode
        return number if found else None
