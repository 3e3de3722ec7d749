"""The probes of the Docker Engine: its address, the connection, its answers, images and ports.

The package imports facts, the shared parts of `infra.host`, and `probes.answer_fields`.
"""

from infra.host.probes.docker.container_ports import list_container_ports
from infra.host.probes.docker.engine import probe
from infra.host.probes.docker.images import list_images

__all__ = ["list_container_ports", "list_images", "probe"]
