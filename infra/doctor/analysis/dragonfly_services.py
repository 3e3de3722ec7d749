"""Find a Compose file's Dragonfly services, and the flags that the file may not show."""

from infra.compose_file.model import ComposeFile
from infra.dragonfly.service import Dragonfly, is_dragonfly, read_dragonfly


def list_dragonflies(file: ComposeFile) -> list[Dragonfly]:
    """Return every Dragonfly service of the project."""
    return [read_dragonfly(file, service) for service in file.services if is_dragonfly(service)]


def explain_hidden_flags(dragonfly: Dragonfly) -> str:
    """Return why the file may not show all flags; an empty string if it shows them all."""
    if dragonfly.other_program:
        return f"Its command starts {dragonfly.other_program}, which may change the flags."
    if dragonfly.unread_flag_file is not None:
        return f"The flag file {dragonfly.unread_flag_file.value} was not read."
    if dragonfly.service.unread_sources:
        keys = " and ".join(f"`{key}`" for key in dragonfly.service.unread_sources)
        return f"Settings may depend on {keys}, which qca did not read."
    return ""
