"""The probe of the Docker Engine: its address, the connection, and its answers.

May import: facts, the shared parts of `infra.host`, and `probes.answer_fields`.
"""

from infra.host.probes.docker.engine import probe

__all__ = ["probe"]
