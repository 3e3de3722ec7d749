"""The two services of the stack, and the status of a service."""

from qca.core.frozen import frozen_dataclass

STORE = "store"
TRAINER = "trainer"


@frozen_dataclass
class ServiceStatus:
    """The status of a service, whether it is a container or a process."""

    name: str
    state: str
    """The engine's state of the container, or `running` or `stopped` for a process."""
    health: str | None
    """`starting`, `healthy` or `unhealthy`; None if it is not checked."""
    exit_code: int | None
    """None unless the engine knows that it has exited."""
