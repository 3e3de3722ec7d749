"""Build the command of a plan's trainer, in a container or on this machine."""

from pathlib import Path

from infra.stack.plan import StackPlan, TrainerPlan
from qca.core.train_flags import format_train_command


def build_trainer_command(
    plan: StackPlan, runs: str | Path, store_url: str, store_flags: str | None = None
) -> list[str]:
    """Return the arguments of `qca` that start or resume the trainer in one process per node."""
    return format_train_command(
        plan.train, runs=runs, resume=True, store=store_url, store_flags=store_flags
    )


def build_distributed_flags(trainer: TrainerPlan) -> list[str]:
    """Return the flags of `qca train` for several GPUs or machines; none for a single GPU."""
    gpus, nnodes = trainer.gpus.value, trainer.nnodes.value
    flags = [f"--processes={gpus}"] if gpus > 1 else []
    if nnodes > 1:
        flags += [f"--nnodes={nnodes}", f"--rdzv-endpoint={trainer.rdzv_endpoint.value}"]
    return flags
