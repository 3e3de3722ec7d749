"""Check settings that Compose accepts but that keep Docker Engine from starting a service.

Each rule was tested with Engine 20.10 and Compose 2.40, and quotes the engine's message. The rules
are in moby (daemon/container.go, runconfig/hostconfig_unix.go) and in runc
(libcontainer/configs/validate/validator.go).
"""

import re
from collections.abc import Iterator

from infra.compose_file.model import Refusal
from infra.compose_file.rules.engine_networks import check_network
from infra.compose_file.rules.engine_refusal import refuse
from infra.compose_file.rules.engine_values import check_values
from infra.compose_file.yaml.tree import Origin, Table, descend, to_items, to_table, to_text

# https://github.com/distribution/reference/blob/main/regexp.go
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATHS = re.compile(rf"{_PATH}(?:/{_PATH})*")
_REGISTRY = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.?)+(?::[0-9]+)?|\[[\da-f:]+\]"
)
_VERSION = re.compile(r"(?::\w[\w.-]{0,127})?(?:@[a-z][\w.+-]*:[0-9a-fA-F]{32,})?", re.ASCII)
_CONTAINER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_LONGEST_HOSTNAME = 64  # sethostname(2)

_PROGRAM_WITH_ARGUMENTS = re.compile(r"(?:/(?:usr/)?(?:local/)?s?bin/)?[\w.-]+\s+\S.*", re.S)
_RESTART_POLICIES = ("no", "always", "on-failure", "unless-stopped")

# The kernel settings that belong to each namespace.
_IPC_SYSCTLS = re.compile(
    r"kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..*"
)
# capabilities(7), without the prefix CAP_
_CAPABILITIES = """
    ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE
    DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN
    MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID
    SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE
    SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM
"""
# moby, daemon/logger: `ValidateLogOpt` of each driver, and the options that all drivers accept.
_LOG_OPTIONS = {
    "json-file": "cache-compress cache-disabled cache-max-file cache-max-size compress env "
    "env-regex labels labels-regex max-buffer-size max-file max-size mode tag",
    "local": "compress max-buffer-size max-file max-size mode",
}
# docker/go-units, FromHumanSize; -1 means no limit
_LOG_SIZE = re.compile(r"\d+(\.\d+)*\s?[kmgtp]?i?b?|-1", re.IGNORECASE)


def find_engine_refusals(service: Table, top: Table) -> Iterator[Refusal]:
    """Yield the reasons why the engine does not start the containers of a service."""
    yield from _check_image(service)
    yield from _check_names(service)
    yield from _check_program(service)
    yield from _check_restart(service)
    yield from _check_paths(service)
    yield from _check_sysctls(service)
    yield from _check_capabilities(service)
    yield from _check_log(service)
    yield from _check_sources(service, top)
    yield from check_values(service)
    yield from check_network(service, top)


def _check_image(service: Table) -> Iterator[Refusal]:
    image = to_text(service.get("image"))
    if image and not _is_reference(image):
        docker = "invalid reference format"
        if _is_reference(image.lower()):
            docker += ": repository name must be lowercase"
        yield refuse(f"the image {image!r} is not a valid name", docker, service.origins["image"])


def _is_reference(image: str) -> bool:
    first, slash, rest = image.partition("/")
    has_registry = bool(slash) and (
        "." in first or ":" in first or first == "localhost" or first != first.lower()
    )
    if has_registry and not _REGISTRY.fullmatch(first):
        return False
    path = rest if has_registry else image
    name = _PATHS.match(path)
    return name is not None and _VERSION.fullmatch(path[name.end() :]) is not None


def _check_names(service: Table) -> Iterator[Refusal]:
    name = to_text(service.get("container_name"))
    if name and not _CONTAINER_NAME.fullmatch(name):
        docker = f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        what = f"the container name {name!r} is not valid"
        yield refuse(what, docker, service.origins["container_name"])
    hostname = to_text(service.get("hostname"))
    if len(hostname) > _LONGEST_HOSTNAME:
        what = f"the host name has more than {_LONGEST_HOSTNAME} characters"
        yield refuse(what, "sethostname: invalid argument", service.origins["hostname"])


def _check_program(service: Table) -> Iterator[Refusal]:
    """Refuse an item that holds a program and its arguments; a path with spaces is allowed."""
    words = to_items(service.get("entrypoint"))
    program = to_text(words[0]) if words else ""
    if _PROGRAM_WITH_ARGUMENTS.fullmatch(program):
        docker = f'exec: "{program}": executable file not found in $PATH'
        what = f"the first item of `entrypoint` is not a program: {program!r} has arguments"
        yield refuse(what, docker, words.origins[0])


def _check_restart(service: Table) -> Iterator[Refusal]:
    policy = to_text(service.get("restart"))
    name, _, count = policy.partition(":")
    if policy and name not in _RESTART_POLICIES:
        docker = f"invalid restart policy '{name}'"
        what = f"{name!r} is not a restart policy ({', '.join(_RESTART_POLICIES)})"
        yield refuse(what, docker, service.origins["restart"])
    elif count and name != "on-failure":
        docker = f"maximum retry count cannot be used with restart policy '{name}'"
        what = f"the restart policy {name} does not take a number of attempts"
        yield refuse(what, docker, service.origins["restart"])


def _check_paths(service: Table) -> Iterator[Refusal]:
    folder = to_text(service.get("working_dir"))
    if folder and not folder.startswith("/"):
        docker = f"the working directory '{folder}' is invalid, it needs to be an absolute path"
        what = f"the working directory {folder!r} is not an absolute path"
        yield refuse(what, docker, service.origins["working_dir"])
    for target, origin in _list_targets(service):
        if target == "/":
            docker = "invalid specification: destination can't be '/'"
            yield refuse("a volume cannot replace the container's root folder", docker, origin)
        elif target and not target.startswith("/"):
            docker = f"invalid mount path: '{target}' mount path must be absolute"
            yield refuse(f"the mount point {target!r} is not an absolute path", docker, origin)


def _list_targets(service: Table) -> Iterator[tuple[str, Origin]]:
    for entry, origin in to_items(service.get("volumes")).entries():
        yield to_text(to_table(entry).get("target")), origin
    for entry, origin in to_items(service.get("tmpfs")).entries():
        yield to_text(entry).partition(":")[0], origin


def _check_sysctls(service: Table) -> Iterator[Refusal]:
    for given, origin in _list_sysctls(service):
        name = given.replace("/", ".") if "." not in given else given
        docker = _explain_sysctl(service, name)
        if docker:
            what = f"the container cannot have its own kernel setting {name}"
            if "separate" in docker:
                what += "; it applies to the whole host, so set it there (`sysctl -w`)"
            yield refuse(what, docker, origin)


def _list_sysctls(service: Table) -> Iterator[tuple[str, Origin]]:
    """Yield the names of the kernel settings: the keys of a mapping, or items `name=value`."""
    given = service.get("sysctls")
    for name, _, origin in to_table(given).entries():
        yield name, origin
    for item, origin in to_items(given).entries():
        yield to_text(item).partition("=")[0], origin


def _explain_sysctl(service: Table, name: str) -> str:
    """Return runc's reason for refusing a kernel setting; empty if runc accepts it."""
    if name.startswith("net."):
        is_host = service.get("network_mode") == "host"
        return f'sysctl "{name}" not allowed in host network namespace' if is_host else ""
    if _IPC_SYSCTLS.fullmatch(name):
        is_host = service.get("ipc") == "host"
        return f'sysctl "{name}" is not allowed in the hosts ipc namespace' if is_host else ""
    if name == "kernel.hostname":
        return f'sysctl "{name}" is not allowed as it conflicts with the OCI "hostname" field'
    if name == "kernel.domainname":
        return ""
    return f'sysctl "{name}" is not in a separate kernel namespace'


def _check_capabilities(service: Table) -> Iterator[Refusal]:
    for key, docker in (("cap_add", "CapAdd"), ("cap_drop", "CapDrop")):
        for item, origin in to_items(service.get(key)).entries():
            name = to_text(item).upper().removeprefix("CAP_")
            if name and name not in _CAPABILITIES.split():
                message = f'invalid {docker}: unknown capability: "CAP_{name}"'
                yield refuse(f"{to_text(item)} is not a capability", message, origin)


def _check_log(service: Table) -> Iterator[Refusal]:
    log = descend(service, "logging")
    driver = to_text(log.get("driver"))
    known = _LOG_OPTIONS.get(driver, "").split()
    for option, value, origin in to_table(log.get("options")).entries():
        size = to_text(value)
        if known and option not in known:
            docker = f"unknown log opt '{option}' for {driver} log driver"
            yield refuse(f"the log driver {driver} has no option {option}", docker, origin)
        elif known and option == "max-size" and size and not _LOG_SIZE.fullmatch(size):
            docker = f"failed to initialize logging driver: invalid size: '{size}'"
            yield refuse(f"max-size {size!r} is not a size", docker, origin)


def _check_sources(service: Table, top: Table) -> Iterator[Refusal]:
    """Refuse external secrets and configs, which need Swarm, and those from an unset variable."""
    for kind in ("secrets", "configs"):
        defined = to_table(top.get(kind))
        for entry, origin in to_items(service.get(kind)).entries():
            name = to_text(to_table(entry).get("source"))
            docker = _explain_source(f"{kind[:-1]} {name}", to_table(defined.get(name)))
            if docker:
                yield refuse(docker[0], docker[1], origin)


def _explain_source(what: str, defined: Table) -> tuple[str, str] | None:
    """Return why a secret or config is not available, and Compose's message; None if it is."""
    if defined.get("external") is True:
        return f"the {what} is external, which only Swarm supports", f"unsupported external {what}"
    variable = to_text(defined.get("environment"))
    if variable and variable not in defined.origins["environment"].source.variables:
        message = f'environment variable "{variable}" required by {what} is not set'
        return f"the {what} comes from the variable {variable}, which is not set", message
    return None
