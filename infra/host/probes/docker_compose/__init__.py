"""The probe of the program `docker-compose`: what starts it, and the libraries of Compose V1.

May import: facts, the shared parts of `infra.host`, `probes.answer_fields` and `probes.compose`.
"""

from infra.host.probes.docker_compose.command import OWN_V1, probe

__all__ = ["OWN_V1", "probe"]
