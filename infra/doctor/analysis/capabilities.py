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
    """Return whether root has a capability in the service's container.

    Other users have no capabilities. The order of the rules is Docker's (moby, daemon/pkg/oci/caps,
    `TweakCapabilities`): root in a privileged container has them all. A capability that is both
    added and dropped is kept, unless ALL are added.
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
