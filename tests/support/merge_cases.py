"""Small files with `!reset` and `!override`, and Compose's output for them.

It was recorded from `docker compose config`, 2.40.3 and 2.26.1 alike;
tests/integration/test_doctor_tags.py compares it again. To update it, with DOCKER_CONFIG set:
python -m tests.support.merge_cases
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.compose_file.model import ComposeFile, LocatedValue, Service
from qca.core.units import parse_size

RECORDED = Path(__file__).parents[1] / "compose_file" / "data" / "merge_tags.json"

_BESIDE = {
    "e.env": "A=of the file\nE=e\n",
    "f.env": "A=of the other\nF=f\n",
    "other.yml": "services:\n  base: {image: x, command: [one], cpus: 2, mem_limit: 2g,"
    " environment: {A: '1', B: '2'}, ports: ['1:1']}\n"
    "  mid: {extends: base, cpus: !reset null, ports: !reset []}\n"
    "  listed: {image: x, environment: [A=1, B=2]}\n"
    "  tagged: {image: x, cpus: !reset 2, ports: !override ['1:1']}\n",
    "none.yml": "volumes: {data: {}}\n",
    "more.yml": "services: {base: {cpus: !reset null, ports: !override ['9:9']}}\n",
}
_PLAIN = (
    "services:\n  a:\n    image: x\n    command: [one, two]\n    entrypoint: [e]\n"
    "    mem_limit: 2g\n    cpus: 2\n    environment: {A: '1', B: '2'}\n    ports: ['1:1', '2:2']\n"
)
_DEPLOYED = (
    "services:\n  a:\n    image: x\n    deploy:\n      resources:\n"
    "        limits: {memory: 2g, cpus: '2'}\n"
    "        reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}\n"
)


def _lay(keys: str, more: str = "", base: str = _PLAIN) -> tuple[str, ...]:
    """Return a file, and another with only these keys of its service that overrides it."""
    return base + "".join(f"    {line}\n" for line in more.split("\n") if line), _make(keys)


def _make(keys: str) -> str:
    return "services:\n  a:\n" + "".join(f"    {line}\n" for line in keys.split("\n"))


def _extend(keys: str, service: str = "base") -> str:
    return _make(f"extends: {{file: other.yml, service: {service}}}\n{keys}".rstrip("\n"))


CASES: dict[str, tuple[str, ...]] = {
    # One key of a service.
    **{
        f"{key} is reset": _lay(f"{key}: !reset null")
        for key in ("command", "entrypoint", "mem_limit", "cpus", "environment", "ports")
    },
    "what is reset has a value of no matter": _lay("ports: !reset ['9:9']\ncpus: !reset ${C:?no}"),
    "a block is reset": _lay("command: !reset |\n  x y"),
    "by the full form of the tag": _lay("mem_limit: !<!reset> null"),
    "ports are overridden": _lay("ports: !override ['3:3']"),
    "long ports are overridden": _lay("ports: !override\n  - {target: 3, published: '3'}"),
    "a list for a command": _lay("command: !override [three]"),
    "a string for a command": _lay("command: !override three four"),
    "a folded string for a command": _lay("command: !override >\n  x y\n  z"),
    "single values are overridden": _lay("cpus: !override 1.5\nmem_limit: !override 3g"),
    "variables under a tag": _lay("mem_limit: !override ${M:-3g}\ncommand: !override x ${N:-q}"),
    "null is a text under a tag": _lay("command: !override null"),
    "an empty command": _lay("command: !override []"),
    # Commands are never joined, with or without a tag.
    "an empty command without a tag": _lay("command: []"),
    "an empty string without a tag": _lay("command: ''\nentrypoint: ''"),
    "null without a tag": _lay("command: null\nentrypoint: null\nmem_limit: null\nports: null"),
    "an empty command of one that extends": (_extend("command: []"),),
    # The environment: single names are only removed from one that is still a mapping.
    "environment is overridden": _lay("environment: !override {C: '3'}"),
    "environment is overridden by a list": _lay("environment: !override [C=3]"),
    "environment is overridden by nothing": _lay("environment: !override {}"),
    "a name is reset": _lay("environment: {A: !reset null, C: '3'}"),
    "a name is overridden": _lay("environment: {A: !override '7'}"),
    "a name is reset over a list": (
        "services: {a: {image: x, environment: [A=1, B=2]}}\n",
        "services: {a: {environment: {A: !reset null, C: '3'}}}\n",
    ),
    "a name is reset over two": (
        _PLAIN,
        _make("environment: {C: '3'}"),
        _make("environment: {A: !reset null}"),
    ),
    "a name is reset over two, one empty": (
        _PLAIN,
        _make("environment: {}"),
        _make("environment: {A: !reset null}"),
    ),
    "a name is reset over what overrides": (
        _PLAIN,
        _make("environment: !override {A: '5', Z: z}"),
        _make("environment: {A: !reset null}"),
    ),
    "an item of a list is reset": _lay("environment: [!reset A=1, C=3]"),
    "texts under a tag": (
        "services:\n  a:\n    image: x\n    environment:\n      A: !override 2\n"
        "      B: !override true\n      C: !override 1.50\n      D: !override ~\n"
        "      E: !override\n      F: !foo 0x10\n",
    ),
    "env_file is reset": _lay("env_file: !reset []", "env_file: e.env"),
    "env_file is overridden": _lay("env_file: !override [f.env]", "env_file: e.env"),
    "env_file that is not there is overridden": _lay("env_file: !override f.env",
                                                      "env_file: none.env"),
    "env_file over environment": _lay("env_file: [f.env]", "env_file: e.env"),
    "environment is reset and env_file stays": _lay("environment: !reset {}", "env_file: e.env"),
    # Limits under either key.
    "deploy is reset": _lay("deploy: !reset null", base=_DEPLOYED),
    "deploy is overridden": _lay("deploy: !override {resources: {limits: {cpus: '3'}}}",
                                  base=_DEPLOYED),
    "limits are reset": _lay("deploy: {resources: {limits: !reset null}}", base=_DEPLOYED),
    "limits are overridden": _lay("deploy: {resources: {limits: !override {memory: 3g}}}",
                                   base=_DEPLOYED),
    "one limit is reset": _lay("deploy: {resources: {limits: {memory: !reset null}}}",
                                base=_DEPLOYED),
    "a tag in what is overridden": _lay(
        "deploy: {resources: !override {limits: {memory: !override 5g}}}", base=_DEPLOYED
    ),
    "a limit of two is reset": _lay("deploy: !reset null", "mem_limit: 2g", base=_DEPLOYED),
    "from one place to the other": _lay(
        "mem_limit: !reset null\ncpus: !reset null\n"
        "deploy: {resources: {limits: {memory: 3g, cpus: '3'}}}"
    ),
    # The other keys that are read.
    "devices are reset": _lay("deploy: {resources: {reservations: {devices: !reset []}}}",
                               base=_DEPLOYED),
    "runtime is reset": _lay("runtime: !reset null", "runtime: nvidia"),
    "another runtime": _lay("runtime: runc", "runtime: nvidia"),
    "memlock is reset": _lay("ulimits: {memlock: !reset null}",
                              "ulimits: {memlock: {soft: -1, hard: -1}}"),
    "memlock is overridden": _lay("ulimits: {memlock: !override 5}", "ulimits: {memlock: -1}"),
    "volumes are reset": _lay("volumes: !reset []", "volumes: ['./v:/v']"),
    "volumes are overridden": _lay("volumes: !override ['./w:/w']", "volumes: ['./v:/v']"),
    "profiles are overridden": _lay("profiles: !override [q]", "profiles: [p]"),
    "items of a list have no tags": _lay("command: [!override x, !reset y, z]\n"
                                          "ports: [!reset '1:1', '3:3']"),
    "words that look like tags": _lay("command: echo !reset '!override'"),
    "unknown tags": _lay("mem_limit: !foo 3g\nports: !foo ['3:3']\ncpus: !!float 3"),
    # Tags in the only file, and in three files.
    "in the only file": (
        "services:\n  a:\n    image: x\n    cpus: !reset 2\n    mem_limit: !override 2g\n"
        "    command: !override [a, b]\n    environment: {A: !reset null, B: !override '2'}\n",
    ),
    "in the first of two": (_make("image: y\ncpus: !reset null"), _PLAIN),
    "set again": (_PLAIN, _make("cpus: !reset null\nports: !reset []"), _make("cpus: 5")),
    "in the last of three": (_PLAIN, _make("ports: ['5:5']"), _make("ports: !override ['6:6']")),
    # Whole services.
    "a service is reset": (_PLAIN + "  b: {image: y}\n", "services: {a: !reset null}\n"),
    "a service is overridden": (_PLAIN, "services: {a: !override {image: z, cpus: 1}}\n"),
    "all services are overridden": (_PLAIN, "services: !override {b: {image: z}}\n"),
    "all services are reset": (_PLAIN, "services: !reset null\nx-a: 1\n"),
    "a service that another extends is reset": (
        _PLAIN + "  b:\n    extends: a\n",
        "services: {a: !reset null}\n",
    ),
    # `extends`
    "over what it extends": (
        _extend("command: !reset null\ncpus: !reset null\nports: !override ['2:2']\n"
                   "environment: {A: !reset null}"),
    ),
    "over what it extends in the same file": (
        _PLAIN + "  b:\n    extends: a\n    cpus: !reset null\n  c:\n    extends: a\n",
    ),
    "over a file that extends": (
        _extend(""),
        _make("command: !reset null\ncpus: !reset null\nenvironment: {A: !reset null}"),
    ),
    "over a file, and what it extends itself": (_PLAIN, _extend("cpus: !reset null")),
    "of a service that is extended": (_extend("cpus: 3", "tagged"),),
    "of a service that extends and is extended": (_extend("mem_limit: !reset null", "mid"),),
    "a name of what extends and sets another": (
        _extend("environment: {C: '3'}"),
        _make("environment: {A: !reset null}"),
    ),
    "a name of a list that is extended": (
        _extend("", "listed"),
        _make("environment: {A: !reset null}"),
    ),
    "extends itself is reset": (_extend(""), _make("extends: !reset null")),
    "a whole service that extends": (_PLAIN, "services:\n  a: !override\n"
        "    extends: {file: other.yml, service: base}\n    ports: !override ['8:8']\n"),
    # `include`
    "over what is included": (
        "include: [other.yml]\n",
        "services: {base: {cpus: !reset null, environment: {A: !reset null}}}\n",
    ),
    "an included service is overridden": (
        "include: [other.yml]\n",
        "services: {base: !override {image: q}}\n",
    ),
    "in what is included together": (
        "include: [{path: [other.yml, more.yml]}]\nservices: {z: {image: z}}\n",
    ),
    "include itself is reset": ("include: [other.yml]\nservices: {z: {image: z}}\n",
                                "include: !reset []\n"),
    # Several documents in one file, and files without services.
    "two documents": (_PLAIN + "---\n" + _make("cpus: 3\ncommand: [three]\nports: ['3:3']"),),
    "two documents with tags": (
        _PLAIN + "---\n" + _make("cpus: !reset null\nports: !override ['3:3']"),
    ),
    "two documents over a file": (
        _PLAIN,
        _make("command: []\ncpus: !reset null") + "---\n" + _make("mem_limit: 3g"),
    ),
    "a document that ends": (_PLAIN + "...\n# the end\n",),
    "extends within its document": (
        _PLAIN + "---\n" + "services: {b: {extends: c, cpus: 1}, c: {image: y, cpus: 4}}\n",
    ),
    "extends a service of its file in two documents": (
        _PLAIN + "---\n" + _make("cpus: 3"),
        "services: {b: {extends: {file: 0.yml, service: a}}}\n",
    ),
    "a later file without services": (_PLAIN, "volumes: {data: {}}\nx-a: 1\n"),
    "a later file with nothing": (_PLAIN, "# nothing yet\n"),
    "a first file without services": ("networks: {n: {}}\n", _PLAIN),
    "what is included has no services": ("include: [none.yml]\n" + _PLAIN,),
    # Anchors: a node that was dropped at its anchor is also missing at its aliases.
    "an alias of a tagged value": (
        _PLAIN,
        "x-r: &r !reset null\nx-p: &p !override ['9:9']\n"
        "services: {a: {cpus: *r, mem_limit: *r, ports: *p}}\n",
    ),
    "merged from above": (
        _PLAIN,
        "x-r: &r {cpus: !reset null, ports: !override ['9:9']}\nservices: {a: {<<: *r}}\n",
    ),
    "merged from above in two steps": (
        _PLAIN,
        "x-q: &q {ports: !override ['9:9']}\nx-p: &p {<<: *q, cpus: 9}\nservices: {a: {<<: *p}}\n",
    ),
    "merged from a list": (
        _PLAIN,
        "x-q: &q {ports: !override ['9:9'], cpus: !reset null}\nservices: {a: {<<: [*q]}}\n",
    ),
    "merged in place": (
        _PLAIN,
        "services: {a: {<<: {cpus: !reset null, ports: !override ['9:9']}}}\n",
    ),
    "reset, and merged from above": (
        _PLAIN,
        "x-q: &q {cpus: 9}\nservices: {a: {<<: *q, cpus: !reset null}}\n",
    ),
    "an alias of a whole service": (
        _PLAIN + "  b: {image: y, cpus: 2, ports: ['4:4']}\n",
        "services:\n  a: &r\n    cpus: !reset null\n    ports: !override ['9:9']\n  b: *r\n",
    ),
}  # fmt: skip


def write_case(folder: Path, name: str) -> list[Path]:
    """Write the files of a case, and return those that are passed with -f."""
    paths = [folder / f"{index}.yml" for index in range(len(CASES[name]))]
    for path, text in zip(paths, CASES[name], strict=True):
        path.write_text(text)
    for beside, text in _BESIDE.items():
        (folder / beside).write_text(text)
    return paths


def read_recorded() -> dict[str, Any]:
    """Return Compose's recorded answer for each case."""
    return json.loads(RECORDED.read_text())


def summarize_answer(document: dict[str, Any]) -> dict[str, Any]:
    """Return the relevant parts of the JSON of `docker compose config`."""
    return {
        name: _summarize_answered(service) for name, service in document.get("services", {}).items()
    }


def _summarize_answered(service: dict[str, Any]) -> dict[str, Any]:
    resources = service.get("deploy", {}).get("resources", {})
    limits, memlock = resources.get("limits", {}), service.get("ulimits", {}).get("memlock")
    memory = limits.get("memory") or service.get("mem_limit")
    cpus = limits.get("cpus") or service.get("cpus")
    devices = resources.get("reservations", {}).get("devices", [])
    return _drop_empty(
        image=service.get("image"),
        entrypoint=service.get("entrypoint"),
        command=service.get("command"),
        environment=service.get("environment"),
        memory=memory and int(memory),
        cpus=cpus and float(cpus),
        memlock=memlock["hard"] if isinstance(memlock, dict) else memlock,
        gpu=service.get("runtime") == "nvidia" or any("gpu" in d["capabilities"] for d in devices),
        ports=[port["published"] for port in service.get("ports", [])],
        profiles=service.get("profiles"),
        volumes={v["target"]: Path(v["source"]).name for v in service.get("volumes", [])},
    )


def summarize_file(file: ComposeFile) -> dict[str, Any]:
    """Return the same parts of our own reading."""
    return {service.name: _summarize_service(service) for service in file.services}


def _summarize_service(service: Service) -> dict[str, Any]:
    memory, cpus, memlock = service.memory_limit, service.cpus, service.memlock
    volumes = service.mounts.get("volumes", {})
    return _drop_empty(
        image=_get_value(service.image),
        entrypoint=[text.value for text in service.entrypoint],
        command=[text.value for text in service.arguments],
        environment={name: text.value for name, text in service.environment.items()},
        memory=memory and parse_size(memory.value),
        cpus=cpus and float(cpus.value),
        memlock=memlock and int(memlock.value),
        gpu=_get_value(service.runtime) == "nvidia" or bool(service.devices),
        ports=[str(port) for port in service.ports],
        profiles=list(service.profiles),
        volumes={place: Path(source).name for place, source in volumes.items()},
    )


def _get_value(text: LocatedValue | None) -> str | None:
    return text.value if text else None


def _drop_empty(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, [], {}, False)}


def ask(folder: Path, name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Merge the files of a case with Compose."""
    words = [word for path in write_case(folder, name) for word in ("-f", str(path))]
    done = subprocess.run(
        ["docker", "compose", *words, "--profile", "*", "config", "--format", "json"],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"{name}: {done.stderr}")
    return summarize_answer(json.loads(done.stdout))


def _record() -> None:
    answers = {}
    for name in CASES:
        with tempfile.TemporaryDirectory() as folder:
            answers[name] = ask(Path(folder), name, os.environ)
    lines = [
        f"  {json.dumps(name)}: {json.dumps(one, sort_keys=True)}" for name, one in answers.items()
    ]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    _record()
