"""List the IP addresses of this host's network interfaces."""

import socket

from infra.host.errors import ProbeError, describe_error


def probe() -> tuple[str, ...]:
    """Return the addresses, without the zones of link-local ones."""
    import psutil

    try:
        interfaces = psutil.net_if_addrs()
    except OSError as error:
        raise ProbeError(f"the addresses could not be listed: {describe_error(error)}") from None
    return tuple(
        sorted(
            {
                entry.address.partition("%")[0]
                for entries in interfaces.values()
                for entry in entries
                if entry.family in (socket.AF_INET, socket.AF_INET6)
            }
        )
    )
