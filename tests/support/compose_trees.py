"""Random Compose files: nearly valid trees with a few changed nodes.

Trees are changed instead of bytes, so that most files get past the parser.
"""

import random
from typing import Any

import yaml

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**20, "", " ", "x", "0", "-1", "1.5", "010", "yes", "a b"),
    *("${SET}", "${UNSET}", "${UNSET:-x}", "${UNSET:?no}", "$", "$$", "${", "${X.Y}", "a$1"),
    *("1g", "2 g", "x:y", "1:2:3", "80-90", "90-80", "0.0.0.0:1:2/udp", ":/x", "/a:/b", "./a:/b"),
    *("a | b", "'", "service:a", "service:none", "none.env", "e.env", "../up", "~", "https://x/y"),
    *([], {}, [None], ["x"], [[]], [{}], {"x": None}, {"": "x"}, {"a.b": 1}, {"x": {"y": [1]}}),
)
_KEYS = (
    *("command", "entrypoint", "environment", "env_file", "label_file", "ports", "volumes"),
    *("secrets", "configs", "deploy", "devices", "gpus", "runtime", "mem_limit", "cpus", "ulimits"),
    *("profiles", "scale", "network_mode", "networks", "depends_on", "extends", "build", "links"),
    *("container_name", "healthcheck", "tmpfs", "expose", "dns", "models", "provider", "develop"),
    *("services", "include", "name", "version", "external", "target", "published", "replicas"),
    *("resources", "limits", "reservations", "count", "device_ids", "file", "path", "comand"),
)
_SERVICE: dict[str, Any] = {
    "image": "a:1",
    "command": "run --a='b c'",
    "environment": {"A": "1", "B": None, "C": "${SET}"},
    "env_file": ["e.env"],
    "ports": ["8080:80", "127.0.0.1:1000-1002:10-12/udp", {"target": 80, "published": "90"}],
    "volumes": ["./a:/a", "data:/d:ro", {"type": "tmpfs", "target": "/t"}],
    "deploy": {
        "replicas": 1,
        "resources": {
            "limits": {"cpus": "0.5", "memory": "1g"},
            "reservations": {"devices": [{"capabilities": ["gpu"], "count": 1}]},
        },
    },
    "ulimits": {"nofile": {"soft": 1, "hard": 2}, "memlock": -1},
    "secrets": ["s"],
    "configs": [{"source": "c", "target": "/c"}],
    "networks": {"n": {"aliases": ["x"]}},
    "depends_on": {"b": {"condition": "service_started"}},
    "healthcheck": {"test": ["CMD", "x"], "interval": "5s"},
    "profiles": ["p"],
}
_PROJECT: dict[str, Any] = {
    "name": "project",
    "services": {"a": _SERVICE, "b": {"image": "b", "mem_limit": "2g"}},
    "networks": {"n": {"driver": "bridge"}},
    "volumes": {"data": None},
    "secrets": {"s": {"file": "./s"}},
    "configs": {"c": {"content": "x"}},
}
_TAGS = ("!reset", "!override", "!!str", "!x", "&a", "*a")


def make_file(source: random.Random) -> str:
    """Return the text of a file: a part of a project with some nodes changed."""
    tree = _take_part(_PROJECT, source)
    for _ in range(source.choice((0, 0, 1, 1, 2, 4))):
        tree = _change(tree, source)
    text = yaml.safe_dump(tree, sort_keys=False, default_flow_style=source.choice((None, False)))
    return _add_tag(text, source) if source.random() < 0.1 else text


def _take_part(node: Any, source: random.Random) -> Any:
    """Return the tree without some of its keys, which mostly leaves it valid."""
    if isinstance(node, dict):
        return {
            key: _take_part(value, source)
            for key, value in node.items()
            if key in _PROJECT or key == "image" or source.random() < 0.6
        }
    return [_take_part(one, source) for one in node] if isinstance(node, list) else node


def _change(node: Any, source: random.Random) -> Any:
    """Return the tree with one random node changed."""
    if not node or not isinstance(node, dict | list) or source.random() < 0.15:
        return source.choice((source.choice(_ODD), [node], {source.choice(_KEYS): node}, node))
    if isinstance(node, list):
        index = source.randrange(len(node))
        return [*node[:index], _change(node[index], source), *node[index + 1 :]]
    key = source.choice(list(node))
    match source.randrange(6):
        case 0:
            return {**node, source.choice(_KEYS): source.choice(_ODD)}
        case 1:
            renamed = source.choice(_KEYS)
            return {renamed if one == key else one: value for one, value in node.items()}
        case _:
            return {**node, key: _change(node[key], source)}


def _add_tag(text: str, source: random.Random) -> str:
    """Insert a tag, an anchor or an alias before a value."""
    lines = text.splitlines()
    index = source.randrange(len(lines))
    lines[index] = lines[index].replace(": ", f": {source.choice(_TAGS)} ", 1)
    return "\n".join([*lines, ""])
