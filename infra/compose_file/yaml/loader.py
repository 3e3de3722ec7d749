"""Choose the YAML parser: libyaml, or PyYAML's own if it was built without libyaml."""

from collections.abc import Callable
from typing import Protocol

import yaml
from yaml.events import Event


class Loader(Protocol):
    """The methods of PyYAML's loaders that we use; PyYAML has no annotations."""

    def get_event(self) -> Event:
        """Return the next event.

        Raises:
            yaml.YAMLError: the text is not YAML.

        """
        ...


# Go's parser was translated from libyaml. PyYAML's own parser reads the same language, but twenty
# times more slowly.
make_loader: Callable[[str], Loader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
