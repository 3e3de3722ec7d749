"""A neural quantum cellular automaton: trained by `qca up`, and used from Python.

    import qca

    automaton = qca.load("runs/first")
    for state in automaton.rollout(steps=500):
        print(state.step, qca.measure(state)["entropy"])

The names in `__all__` are the public API; docs/python.md describes them. `import qca` loads no
dependencies; torch is loaded when the first name that needs it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qca.automaton.automaton import Automaton, load
    from qca.automaton.start import InitialState, list_initial_states
    from qca.core.config import TrainConfig
    from qca.core.errors import QcaError
    from qca.core.losses import list_losses
    from qca.measures.choose_field import compute_field, list_fields
    from qca.measures.fields import Field
    from qca.measures.over_time import measure_all as measure
    from qca.measures.over_time import measure_series
    from qca.measures.state import State
    from qca.model.evolution import Evolution, Step
    from qca.model.losses import Loss
    from qca.model.unet import UNetUnitary

__all__ = [
    "Automaton",
    "Evolution",
    "Field",
    "InitialState",
    "Loss",
    "QcaError",
    "State",
    "Step",
    "TrainConfig",
    "UNetUnitary",
    "compute_field",
    "list_fields",
    "list_initial_states",
    "list_losses",
    "load",
    "measure",
    "measure_series",
]

# The module of each name, and its name in that module if it differs.
_MODULES = {
    "Automaton": "qca.automaton.automaton",
    "Evolution": "qca.model.evolution",
    "Field": "qca.measures.fields",
    "InitialState": "qca.automaton.start",
    "Loss": "qca.model.losses",
    "QcaError": "qca.core.errors",
    "State": "qca.measures.state",
    "Step": "qca.model.evolution",
    "TrainConfig": "qca.core.config",
    "UNetUnitary": "qca.model.unet",
    "compute_field": "qca.measures.choose_field",
    "list_fields": "qca.measures.choose_field",
    "list_initial_states": "qca.automaton.start",
    "list_losses": "qca.core.losses",
    "load": "qca.automaton.automaton",
    "measure": "qca.measures.over_time:measure_all",
    "measure_series": "qca.measures.over_time",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'qca' has no attribute {name!r}")
    from qca.core.distribution import require_extra

    module, _, attribute = _MODULES[name].partition(":")
    with require_extra("train", f"qca.{name}"):
        value = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names along with the module's own."""
    return sorted({*globals(), *__all__})
