"""The facts about a host: frozen data, each known or unknown with the reason.

May import: of qca, only `core`; nothing of infra: facts do not know how they are found.
"""

from infra.host.facts.docker import (
    ComposeFacts,
    ComposePlugin,
    ComposeV1,
    ComposeV1Bundle,
    DockerComposeFacts,
    DockerFacts,
    Engine,
    Library,
    LibraryUser,
    NoComposePlugin,
    NoDockerCompose,
    NoEngine,
    StandaloneCompose,
)
from infra.host.facts.gpu import (
    CdiSpec,
    ContainerToolkit,
    Gpu,
    GpuDriver,
    GpuProcess,
    MigDevice,
    NoGpuDriver,
)
from infra.host.facts.host import (
    CpuFacts,
    Disk,
    HostFacts,
    Listener,
    MemoryFacts,
    PythonFacts,
    SystemFacts,
)
from infra.host.facts.known import (
    Known,
    Unknown,
    known_or_none,
    replace_unprintable,
    require,
)

__all__ = [
    "CdiSpec",
    "ComposeFacts",
    "ComposePlugin",
    "ComposeV1",
    "ComposeV1Bundle",
    "ContainerToolkit",
    "CpuFacts",
    "Disk",
    "DockerComposeFacts",
    "DockerFacts",
    "Engine",
    "Gpu",
    "GpuDriver",
    "GpuProcess",
    "HostFacts",
    "Known",
    "Library",
    "LibraryUser",
    "Listener",
    "MemoryFacts",
    "MigDevice",
    "NoComposePlugin",
    "NoDockerCompose",
    "NoEngine",
    "NoGpuDriver",
    "PythonFacts",
    "StandaloneCompose",
    "SystemFacts",
    "Unknown",
    "known_or_none",
    "replace_unprintable",
    "require",
]
