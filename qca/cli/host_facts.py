"""The facts of the host that a command plans for: this one, or a recorded one."""

from pathlib import Path

from infra.host.facts import HostFacts

# The Docker Engine on a busy laptop answers within a second; a dead ssh host never does.
PROBE_SECONDS = 5.0


def host_facts(facts_file: Path | None) -> HostFacts:
    """Return the facts recorded in `facts_file`, or those of this host."""
    if facts_file is not None:
        from infra.host.recording import load

        return load(facts_file)
    from infra.host.collect import collect

    return collect(timeout=PROBE_SECONDS, work_dir=Path.cwd())
