"""Print the requirements of the trainer's image, one per line, from pyproject.toml."""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: Path) -> list[str]:
    """Return the base dependencies, the extra `train`, and the build backend.

    With the backend, `pip install --no-build-isolation` needs no network.
    """
    data = tomllib.loads(pyproject.read_text())
    project = data["project"]
    own = (project["name"], f"{project['name']}[")
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["train"],
        *data["build-system"]["requires"],
    ]
    return sorted(line for line in wanted if line != own[0] and not line.startswith(own[1]))


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]))))
