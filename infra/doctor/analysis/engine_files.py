"""Determine whether the engine and this process see the same files."""

from infra.host.facts import Engine, HostFacts, known_or_none


def has_other_files(facts: HostFacts) -> bool:
    """Return whether a path may lead to a different file, or to none, on the engine's side.

    This is the case if the engine runs on another machine, or if qca runs in a container into which
    the engine's socket is mounted: https://github.com/docker/compose/issues/5232
    """
    engine, system = known_or_none(facts.docker), known_or_none(facts.system)
    if not isinstance(engine, Engine):
        return False
    if not engine.host.startswith(("unix://", "npipe://")):
        return True
    is_root_here = any(disk.purpose == "docker" for disk in known_or_none(facts.disks) or ())
    return system is not None and system.in_container and not is_root_here
