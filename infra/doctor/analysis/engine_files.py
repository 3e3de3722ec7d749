"""Determine whether the engine has the files of this machine."""

from infra.host.facts import Engine, HostFacts, known_or_none


def has_other_files(facts: HostFacts) -> bool:
    """Return whether a path here may be another file, or none, to the engine.

    That is so for an engine on another machine, and for one whose socket is mounted in the
    container in which qca runs: https://github.com/docker/compose/issues/5232
    """
    engine, system = known_or_none(facts.docker), known_or_none(facts.system)
    if not isinstance(engine, Engine):
        return False
    if not engine.host.startswith(("unix://", "npipe://")):
        return True
    is_root_here = any(disk.purpose == "docker" for disk in known_or_none(facts.disks) or ())
    return system is not None and system.in_container and not is_root_here
