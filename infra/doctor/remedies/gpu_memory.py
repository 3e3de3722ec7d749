"""Remedies for a training that does not fit its GPU: another GPU, or a smaller training."""

from infra.doctor.finding import Remedy
from infra.doctor.remedies.training import SMALLER_BATCH, TRAIN_ON_CPU
from infra.doctor.subjects import HostSubject
from infra.host.facts import Gpu, GpuDriver, require
from qca.core.units import format_size


def offer_roomier_gpus(subject: HostSubject, needed: int) -> tuple[Remedy, ...]:
    """Offer as many other GPUs of this host as are asked for, if so many have the room.

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
            f"Take {', '.join(_describe(gpu) for gpu in chosen)}, in a run without containers",
            (f"CUDA_VISIBLE_DEVICES={indices} qca up --runtime local",),
            breaks=SMALLER_BATCH if wanted == "all" else "",
        ),
    )


def _describe(gpu: Gpu) -> str:
    return f"GPU {gpu.index} ({gpu.name}, {format_size(gpu.memory_free)} free)"


def offer_smaller_training(subject: HostSubject) -> tuple[Remedy, ...]:
    """Offer what makes the training smaller, first what costs least, and the CPU last."""
    train, remedies = subject.plan.train, []
    if subject.plan.trainer.recompute.value == "none":
        remedies.append(
            Remedy(
                "Recompute each step instead of keeping its activations",
                ("QCA_TRAIN_RECOMPUTE=step qca up",),
                breaks="every step runs forward twice",
            )
        )
    if train.batch_size > 1:
        remedies.append(Remedy("Take one sample at a time", ("QCA_TRAIN_BATCH_SIZE=1 qca up",)))
    half = max(1, train.hidden_channels // 2)
    remedies.append(
        Remedy(
            "Train a model of half the width",
            (f"QCA_TRAIN_HIDDEN_CHANNELS={half} qca up",),
            breaks="another model: checkpoints of the wider one do not load",
        )
    )
    return (*remedies, TRAIN_ON_CPU)
