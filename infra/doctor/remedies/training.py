"""Remedies that train in another way: without containers, on the CPU, a smaller model."""

from infra.doctor.finding import Remedy

TRAIN_LOCALLY = Remedy(
    "Train without Docker, as a process on this machine", ("qca up --runtime local",)
)
TRAIN_ON_CPU = Remedy("Train on the CPU", ("QCA_TRAIN_DEVICE=cpu qca up",))
TRAIN_SMALL_MODEL = Remedy("Train the small model", ("qca up --profile cpu",))

SMALLER_BATCH = "the combined batch is smaller: batch_size for each GPU"
"""What it breaks to train with fewer GPUs."""
