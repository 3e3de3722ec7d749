"""Determine the Linux capabilities of root in a service's container."""

from infra.compose_file.model import Service

_EVERY = "ALL"
# moby, daemon/pkg/oci/caps/defaults.go
_DEFAULTS = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)


def has_capability(service: Service, capability: str) -> bool:
    """Return whether root in the container has a capability.

    Other users have none. The order of the rules is Docker's: a privileged container has them all,
    and what is both added and dropped is there unless ALL are added (moby, daemon/pkg/oci/caps,
    `TweakCapabilities`).
    """
    privileged = service.settings.get("privileged")
    added = {_normalize(capability.value) for capability in service.added_capabilities}
    dropped = {_normalize(capability.value) for capability in service.dropped_capabilities}
    if privileged is not None and privileged.value == "true":
        return True
    if _EVERY in added:
        return capability not in dropped
    if capability in added:
        return True
    return capability in _DEFAULTS and dropped.isdisjoint({capability, _EVERY})


def _normalize(name: str) -> str:
    return name.upper().removeprefix("CAP_")
