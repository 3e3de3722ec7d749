"""The probe of the Docker Engine: where it is, how it is reached, what it answers.

May import: facts, the shared parts of `infra.host`, and `probes.answer_fields`.
"""

from infra.host.probes.docker.engine import probe

__all__ = ["probe"]
