"""Measure how well the reading of Compose files agrees with Compose itself.

`python -m benchmarks.compose_reading FOLDER` reads every input in the folder and prints a table for
each version of Compose with recorded answers: how many inputs both read alike, how many they read
differently, and how many only one of them refuses. After the table it prints each difference. An
input is a folder with Compose files and an `expected.json`:

    {"files": ["compose.yaml"], "2.40": {"rc": 0, "config": "...", "error": ""}, ...}

where `config` is what `docker compose config --format json` printed, with `$DIR` instead of the
folder.
"""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from infra.compose_file.config_json import project_to_json
from infra.compose_file.project import read_project
from qca.core.errors import InputError
from qca.core.units import MIB

# The variables with which the answers were recorded; the rest of the environment is unknown.
_ENVIRONMENT = {"HOME": "/root", "PATH": "/usr/bin:/bin"}

# The profiles that were active when the answers were recorded.
_PROFILES = {"2.26": ("*",), "2.40": ("*",)}

_AGREE, _DIFFER = "agree", "differ"
_BOTH_REFUSE, _OURS, _THEIRS = "both refuse", "refused by us alone", "passed by us alone"
_FAILED = "failed"
_COLUMNS = (_AGREE, _DIFFER, _BOTH_REFUSE, _OURS, _THEIRS, _FAILED)

# The keys of a service to compare; those for building an image are not read.
_COMPARED = (
    *("command", "configs", "container_name", "cpu_count", "cpu_percent", "cpu_period"),
    *("cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset"),
    *("depends_on", "deploy", "devices", "entrypoint", "environment", "gpus", "image"),
    *("mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "network_mode"),
    *("networks", "ports", "privileged", "profiles", "restart", "runtime", "scale", "secrets"),
    *("shm_size", "ulimits", "user", "volumes"),
)
_DEPLOY = ("placement", "replicas", "resources")


@dataclass(frozen=True)
class Outcome:
    """The outcome of one input."""

    kind: str
    details: str = ""
    has_line: bool = True


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--details/--no-details", default=True, help="Print each difference.")
def main(folder: Path, details: bool) -> None:
    """Compare our reading of the inputs in FOLDER with the recorded answers."""
    cases = sorted(path.parent for path in folder.absolute().glob("*/expected.json"))
    started = time.perf_counter()
    outcomes = {case: _judge_case(case) for case in cases}
    for version in sorted({version for found in outcomes.values() for version in found}):
        _print_table(version, {case: found[version] for case, found in outcomes.items()}, details)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // MIB
    click.echo(f"{len(cases)} inputs, {time.perf_counter() - started:.1f} s, peak {peak} MiB")


def _judge_case(case: Path) -> dict[str, Outcome]:
    """Return the comparison of our reading with each version of Compose."""
    expected = json.loads((case / "expected.json").read_text())
    outcomes = {}
    for version, answer in expected.items():
        if "rc" in answer:
            ours, error = _read(case, expected["files"], version)
            outcomes[version] = _compare(case, answer, ours, error)
    return outcomes


def _read(case: Path, files: list[str], version: str) -> tuple[Any, str]:
    """Return the project as we read it, or None and the error."""
    try:
        project = read_project(
            [case / name for name in files],
            _ENVIRONMENT,
            _PROFILES.get(version, ()),
            version=tuple(map(int, version.split("."))),
        )
    except InputError as error:
        return None, error.message
    except Exception as error:
        return None, f"{_FAILED}: {error!r}"
    if project.refusals:
        first = project.refusals[0]
        return None, f"{first.file}:{first.line}: {first.message}"
    return project_to_json(project), ""


def _compare(case: Path, answer: dict[str, Any], ours: Any, error: str) -> Outcome:
    refused = answer["rc"] != 0
    if error.startswith(_FAILED):
        return Outcome(_FAILED, error)
    if error:
        said = answer["error"].strip().splitlines()[-1:] if refused else []
        has_line = any(part.isdecimal() for part in error.split(":")[1:2])
        return Outcome(_BOTH_REFUSE if refused else _OURS, f"{error}  # {said}", has_line)
    if refused:
        return Outcome(_THEIRS, answer["error"].strip().splitlines()[-1])
    theirs = json.loads(answer["config"] or "{}")
    is_named = ours["name"] != case.name  # the folder had another name when it was recorded
    there, here = _simplify(theirs, "$DIR", is_named), _simplify(ours, str(case), is_named)
    found = list(_find_differences(there, here))
    return Outcome(_DIFFER, "\n    ".join(found)) if found else Outcome(_AGREE)


def _simplify(document: dict[str, Any], folder: str, is_named: bool) -> dict[str, Any]:
    """Return the part of a document to compare, without the names of its folder and project."""
    project = document.get("name", "")
    text = json.dumps(document).replace(folder, "$DIR").replace(f'"{project}_', '"<project>_')
    read = json.loads(text)
    services = {
        name: _simplify_service(service) for name, service in (read.get("services") or {}).items()
    }
    return {
        "name": project if is_named else "",
        "services": services,
        "networks": read.get("networks") or {},
        "volumes": read.get("volumes") or {},
    }


def _simplify_service(service: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in service.items() if key in _COMPARED}
    if deploy := kept.get("deploy"):
        kept["deploy"] = {key: deploy[key] for key in _DEPLOY if key in deploy}
    for mount in kept.get("volumes", ()):
        if "bind" in mount:  # Compose before 5 writes out the default, true
            mount["bind"].pop("create_host_path", None)
    return kept


def _find_differences(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            yield from _find_differences(theirs.get(key), ours.get(key), f"{path}.{key}")
    elif theirs != ours:
        yield f"{path.lstrip('.')}: Compose {json.dumps(theirs)}, we {json.dumps(ours)}"


def _print_table(version: str, outcomes: dict[Path, Outcome], details: bool) -> None:
    counts = Counter(outcome.kind for outcome in outcomes.values())
    taken = counts[_AGREE] + counts[_DIFFER] + counts[_OURS]
    refused = counts[_BOTH_REFUSE] + counts[_THEIRS]
    lines = sum(one.has_line for one in outcomes.values() if one.kind == _BOTH_REFUSE)
    click.echo(f"Compose {version}: takes {taken}, refuses {refused}")
    for column in _COLUMNS:
        click.echo(f"  {column:22}{counts[column]:5}")
    click.echo(f"  {'read alike':22}{_share(counts[_AGREE], taken)}")
    click.echo(f"  {'refused as well':22}{_share(counts[_BOTH_REFUSE], refused)}")
    click.echo(f"  {'... with the line':22}{_share(lines, refused)}")
    for case, outcome in outcomes.items():
        if details and outcome.kind not in (_AGREE, _BOTH_REFUSE):
            click.echo(f"- {case.name}: {outcome.kind}\n    {outcome.details}")
    click.echo()


def _share(count: int, total: int) -> str:
    return f"{count / total:6.1%}" if total else "    -"


if __name__ == "__main__":
    sys.exit(main())
