"""Continue with a cheaper recompute strategy if an allocator runs out of memory."""

from types import TracebackType

from qca.core.errors import PlanError
from qca.core.units import format_size
from qca.memory.budget import Estimate
from qca.memory.choose import find_next_cheaper
from qca.memory.machine import Machine
from qca.train.memory import describe_memory_holders, is_refused_memory
from qca.train.trainer import Trainer


class RefusedMemory:
    """Catches an out-of-memory error in its `with` block; `message` is then the error's text.

    The exception itself is dropped, because its traceback would keep the episode's tensors alive.
    """

    def __init__(self) -> None:
        self.message: str | None = None

    def __enter__(self) -> "RefusedMemory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, MemoryError | RuntimeError) or not is_refused_memory(error):
            return False
        self.message = str(error)
        return True


def rebuild_with_cheaper_strategy(trainer: Trainer) -> tuple[Trainer, Estimate] | None:
    """Return a trainer for the same run with the next cheaper strategy; None if none is cheaper.

    The memory of `trainer` is freed, so it must not be used again.
    """
    cheaper = find_next_cheaper(trainer.config, _describe_machine(trainer))
    if cheaper is None:
        return None
    config, needs = cheaper
    checkpoint, device, ranks = trainer.make_checkpoint(), trainer.device, trainer.ranks
    trainer.release()
    rebuilt = Trainer(config, device, ranks)
    rebuilt.restore(checkpoint)
    return rebuilt, needs


def out_of_memory_error(trainer: Trainer, refusal: str, predicted: Estimate | None) -> PlanError:
    """Return the error to raise if no cheaper strategy is left."""
    config, prediction = trainer.config, ""
    if predicted is not None:
        prediction = f"; the predicted peak was {format_size(predicted.predicted_peak_bytes)}"
    return PlanError(
        f"out of memory in an episode with recompute={config.recompute}, "
        f"optimizer_state={config.optimizer_state}, batch_size={config.batch_size}, "
        f"grid={config.grid}: {refusal}{prediction}{describe_memory_holders(trainer.device)}",
        hint="Earlier episodes are not lost. Free memory, or use a smaller batch; `qca estimate` "
        "predicts the peak.",
    )


def _describe_machine(trainer: Trainer) -> Machine:
    if trainer.device.type != "cuda":
        return Machine("cpu", fused=False)
    return Machine("cuda", fused=trainer.unfused_because is None)
