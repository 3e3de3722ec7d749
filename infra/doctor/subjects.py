"""The subjects of checks: this host with the planned stack, or a Compose project."""

from infra.compose_file.model import ComposeFile
from infra.doctor.finding import Severity
from infra.host.facts import NO_ANSWERS, EngineAnswers, HostFacts
from infra.stack.plan import StackPlan
from qca.core.config import Config
from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class HostSubject:
    """This host, and the plan for it."""

    facts: HostFacts
    plan: StackPlan
    config: Config
    needs_containers: bool
    """Whether the stack or the given Compose files need containers."""

    @property
    def is_local_run(self) -> bool:
        """Whether `qca up` would train without containers and without Dragonfly."""
        return self.plan.runtime.value == "local"

    def grade_container_fault(self, *, otherwise: Severity = Severity.WARNING) -> Severity:
        """Return the severity of a fault of Docker or Compose: an error if containers must run."""
        return Severity.ERROR if self.needs_containers else otherwise


@frozen_dataclass
class FileSubject:
    """A Compose project, its host's facts, and the engine's answers about resources it names."""

    file: ComposeFile
    facts: HostFacts
    engine_answers: EngineAnswers = NO_ANSWERS
