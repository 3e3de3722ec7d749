"""Offer remedies for a training run that does not fit on its GPU."""

from collections.abc import Mapping

from infra.doctor.analysis.gpu_need import has_room
from infra.doctor.finding import Remedy
from infra.doctor.remedies.training import SMALLER_BATCH, change_training, offer_cpu_training
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu, GpuDriver, require
from qca.core.config import TrainConfig
from qca.core.units import format_size


def offer_roomier_gpus(subject: HostSubject, needed: int) -> tuple[Remedy, ...]:
    """Offer the configured number of this host's GPUs, if that many have the memory.

    Needs the fact `gpu`.
    """
    driver = require(subject.facts.gpu)
    gpus = driver.gpus if isinstance(driver, GpuDriver) else ()
    fitting = [gpu for gpu in gpus if gpu.memory_free >= needed and not gpu.mig]
    fitting.sort(key=lambda gpu: -gpu.memory_free)
    wanted = subject.config.stack.gpus
    chosen = fitting if wanted == "all" else fitting[:wanted]
    if not chosen or (wanted != "all" and len(chosen) < wanted):
        return ()
    indices = ",".join(str(gpu.index) for gpu in chosen)
    return (
        Remedy(
            f"Use {', '.join(_describe(gpu) for gpu in chosen)} in a run without containers",
            (f"CUDA_VISIBLE_DEVICES={indices} qca up --runtime local",),
            breaks=SMALLER_BATCH if wanted == "all" else "",
        ),
    )


def _describe(gpu: Gpu) -> str:
    return f"GPU {gpu.index} ({gpu.name}, {format_size(gpu.memory_free)} free)"


def offer_smaller_training(subject: HostSubject) -> tuple[Remedy, ...]:
    """Offer changes that make the training run fit, the cheapest first and the CPU last.

    Needs the fact `gpu`.
    """
    changes = _list_changes(subject.plan.train, subject.plan.trainer.recompute.value)
    gpu = (
        remedy
        for change, remedy in changes
        if has_room(change_training(subject, **change).plan.trainer)
    )
    return (*gpu, *offer_cpu_training(subject))


def _list_changes(
    train: TrainConfig, recompute: str
) -> tuple[tuple[Mapping[str, int | str], Remedy], ...]:
    """Return changes to the training settings, each with the remedy that makes it."""
    half = max(1, train.hidden_channels // 2)
    step = Remedy(
        "Recompute each step instead of keeping its activations",
        ("QCA_TRAIN_RECOMPUTE=step qca up",),
        breaks="the forward pass of every step runs twice",
    )
    one_sample = Remedy("Train on one sample at a time", ("QCA_TRAIN_BATCH_SIZE=1 qca up",))
    narrower = Remedy(
        "Train a model half as wide",
        (f"QCA_TRAIN_HIDDEN_CHANNELS={half} qca up",),
        breaks="it is a different model: checkpoints of the wider one cannot be loaded",
    )
    return (
        *([({"recompute": "step"}, step)] if recompute == "none" else []),
        *([({"batch_size": 1}, one_sample)] if train.batch_size > 1 else []),
        ({"hidden_channels": half}, narrower),
    )
