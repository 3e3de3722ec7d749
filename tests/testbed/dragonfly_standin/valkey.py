"""The configuration of the Valkey server that runs behind Dragonfly's flags."""

from collections.abc import Mapping

from .values import parse_switch


def build_config(flags: Mapping[str, str], maxmemory: int) -> str:
    """Return Valkey's configuration for the same flags. It never writes a file."""
    is_cache = parse_switch(flags.get("cache_mode", "false"))
    lines = [
        'save ""',
        "appendonly no",
        "daemonize no",
        "protected-mode no",  # Dragonfly has no protected mode
        f"port {flags.get('port', '6379')}",
        f"maxmemory {maxmemory}",
        f"maxmemory-policy {'allkeys-lru' if is_cache else 'noeviction'}",
    ]
    optional = {"bind": "bind", "requirepass": "requirepass", "dir": "dir"}
    lines += [f"{optional[name]} {_quote(flags[name])}" for name in optional if flags.get(name)]
    return "\n".join(lines) + "\n"


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
