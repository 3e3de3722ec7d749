"""The probe of the program `docker-compose`: its launcher, and the libraries of Compose V1.

The package imports facts, the shared parts of `infra.host`, `probes.answer_fields` and
`probes.compose`.
"""

from infra.host.probes.docker_compose.command import OWN_V1, probe
from infra.host.probes.docker_compose.environment_python import can_run_v1

__all__ = ["OWN_V1", "can_run_v1", "probe"]
