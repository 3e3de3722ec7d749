"""Choose the images for the live probes, from those that the stack needs anyway."""

from infra.stack.compose_document import is_distroless
from infra.stack.image import fetch_download_size, find_image_size, find_trainer_image
from infra.stack.plan import StackPlan
from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class ImageSource:
    """An image, with its size or the size of its download."""

    name: str
    is_here: bool
    size: int | None
    """Its size on the engine or as a download, in bytes; None if the registry did not report it."""

    @property
    def obstacle(self) -> str:
        """The reason why it cannot be used; empty if it exists here or its download has a known
        size."""
        if self.is_here or self.size is not None:
            return ""
        return (
            f"the engine does not have the image {self.name}, and its registry does not report "
            f"the download size"
        )


@frozen_dataclass
class ProbeImages:
    """The images for the live probes."""

    store: ImageSource
    base: ImageSource
    trainer: ImageSource | None
    """The trainer's own image, if it exists."""

    @property
    def python(self) -> ImageSource:
        """An image with Python."""
        return self.trainer or self.base

    @property
    def shell(self) -> ImageSource:
        """An image with a shell, preferably one that exists here."""
        has_shell = [*([] if is_distroless(self.store.name) else [self.store]), self.base]
        choices = [*([self.trainer] if self.trainer else []), *has_shell]
        return next((choice for choice in choices if choice.is_here), choices[0])


def find_images(plan: StackPlan) -> ProbeImages:
    """Find the stack's images on the engine, and the download sizes of the others.

    Raises:
        LaunchError: the engine does not answer.

    """
    trainer = find_trainer_image(plan.project)
    return ProbeImages(
        store=_find_image(plan.dragonfly.image),
        base=_find_image(plan.trainer.base_image.value),
        trainer=None if trainer is None else _find_image(trainer),
    )


def _find_image(name: str) -> ImageSource:
    size = find_image_size(name)
    if size is not None:
        return ImageSource(name, is_here=True, size=size)
    return ImageSource(name, is_here=False, size=fetch_download_size(name))
