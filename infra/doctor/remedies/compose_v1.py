"""The remedies for a Compose V1 that fails, the least invasive first."""

import shlex
from pathlib import Path

from infra.doctor.analysis.compose_v1_compatibility import Works, choose_pins, predict
from infra.doctor.finding import Remedy
from infra.doctor.remedies.compose_plugin import SEE_QCA201
from infra.doctor.remedies.quoting import quote_path
from infra.host.facts import ComposeFacts, ComposePlugin, ComposeV1, Library
from infra.host.probes.docker_compose import OWN_V1, can_run_v1

CONSTRAINTS = Path(__file__).parents[2] / "data" / "compose-v1-constraints.txt"

# The distributions that docker-compose 1.29.2 imports. It is installed with --no-deps because it
# requires PyYAML<6, which no longer builds from source (PyYAML issue 724).
_IMPORTS = (
    "setuptools<81",
    "docker",
    "requests",
    "PyYAML",
    "distro",
    "docopt",
    "dockerpty",
    "jsonschema",
    "python-dotenv",
    "texttable",
    "websocket-client",
)
_ENVIRONMENT = f"~/{OWN_V1}"

# The requirement that provides a missing module, if the two names differ.
_DISTRIBUTIONS = {
    "compose": "docker-compose",
    "distutils": "setuptools<81",
    "dotenv": "python-dotenv<1",
    "jsonschema": "jsonschema<4",
    "websocket": "websocket-client<1",
}

# Runs `ps` for a project without containers, so that it works in any folder. Unlike `version` and
# `config`, `ps` contacts the daemon.
_TRY = "echo 'services: {a: {image: a}}' |"


def list_v1_remedies(compose: ComposeV1, plugin: ComposeFacts | None) -> tuple[Remedy, ...]:
    """Return the remedies in the order in which the user should try them."""
    remedies = (
        _use_compose_v2(plugin),
        _ignore_user_site(compose),
        _create_environment(compose, plugin),
        _change_libraries(compose),
    )
    return tuple(remedy for remedy in remedies if remedy is not None)


def _use_compose_v2(plugin: ComposeFacts | None) -> Remedy:
    if isinstance(plugin, ComposePlugin):
        return Remedy(
            f"Use Compose {plugin.version}, which is installed: `docker compose`, with a space",
            ("docker compose ps",),
        )
    return SEE_QCA201


def _ignore_user_site(compose: ComposeV1) -> Remedy | None:
    """Return the remedy that ignores the user's libraries, if V1 works with its original ones."""
    if compose.user_only or compose.missing_modules:
        return None  # V1 or a required module would be missing
    unshadowed = {name: _unshadow(library) for name, library in compose.libraries.items()}
    if unshadowed == dict(compose.libraries):
        return None  # no library is shadowed
    try:
        before = [unshadowed[name] for name in ("docker", "requests", "urllib3", "PyYAML")]
    except KeyError:
        return None
    versions = [library.version for library in before if library]
    if len(versions) < len(before) or predict(*versions[:3]) != Works():
        return None
    changes = "PYTHONNOUSERSITE=1 " if any(b.user_site for b in compose.libraries.values()) else ""
    if any(library.pythonpath for library in compose.libraries.values()):
        changes = f"env -u PYTHONPATH {changes}"
    return Remedy(
        f"Run V1 with its original libraries (docker-py {versions[0]}, requests {versions[1]}, "
        f"urllib3 {versions[2]}), ignoring those installed over them",
        (f"{changes}{quote_path(compose.path)} ps",),
    )


def can_reach_daemon(compose: ComposeV1) -> bool:
    """Return whether Compose V1 can talk to the daemon with the versions of its libraries."""
    names = ("docker", "requests", "urllib3")
    if compose.missing_modules or not {*names, "PyYAML"} <= set(compose.libraries):
        return False
    versions = (compose.libraries[name].version for name in names)
    return predict(*versions, has_chardet=compose.missing_modules is not None) == Works()


def _unshadow(library: Library) -> Library | None:
    """Return the library that Python would import if it ignored the user site and PYTHONPATH."""
    candidates = (library, *library.shadows)
    return next(
        (
            candidate
            for candidate in candidates
            if not (candidate.user_site or candidate.pythonpath)
        ),
        None,
    )


def _create_environment(compose: ComposeV1, plugin: ComposeFacts | None) -> Remedy | None:
    python = _find_environment_python(compose)
    if not python:
        return None
    pip = f"{_ENVIRONMENT}/bin/pip install"
    return Remedy(
        "Install V1 in its own environment, with versions that work",
        (
            # -I: Python must not run a `venv.py` in the user's current folder.
            f"{quote_path(python)} -I -m venv {_ENVIRONMENT}",
            f"{pip} -c {shlex.quote(str(CONSTRAINTS))} {shlex.join(_IMPORTS)}",
            f"{pip} --no-deps docker-compose==1.29.2",
            f"{_TRY} {_ENVIRONMENT}/bin/docker-compose -f - ps",
        ),
        # A user who has Compose V2 does not need to download a second V1.
        automatic=not isinstance(plugin, ComposePlugin),
        breaks=f"adds only the folder {_ENVIRONMENT}; remove the folder to undo this",
        undo=(f"rm -rf {_ENVIRONMENT}",),
    )


def _find_environment_python(compose: ComposeV1) -> str:
    """Return a Python that can run V1 in a virtual environment, or an empty string."""
    if compose.environment_python is not None:
        return compose.environment_python
    return compose.interpreter if can_run_v1(compose.python_version) else ""


def _change_libraries(compose: ComposeV1) -> Remedy | None:
    try:
        docker, requests, urllib3 = (
            compose.libraries[name].version for name in ("docker", "requests", "urllib3")
        )
    except KeyError:
        return None
    missing = compose.missing_modules or ()
    if "pipes" in missing:
        return None  # no package provides it
    pins = choose_pins(docker, requests, urllib3)
    added = tuple(_DISTRIBUTIONS.get(name, name) for name in missing)
    if not pins and not added:
        return None
    interpreter = quote_path(compose.interpreter)
    # A virtual environment has no user site; Debian 12 and newer block pip (PEP 668).
    where = "" if compose.virtual_environment else "--user "
    where += "--break-system-packages " if compose.externally_managed else ""
    return Remedy(
        f"As a last resort, change the libraries of {compose.interpreter} in place",
        (
            # The user's current folder may contain a `pip.py`. -P requires Python 3.11, and -I
            # would hide the user site.
            f"(cd / && {interpreter} -m pip install {where}{shlex.join((*pins, *added))})",
            f"(cd / && {interpreter} -m pip check)",
        ),
        breaks=_describe_breakage(compose, pins),
    )


# pip installs the newest release that a pin allows.
_NEWEST_ADMITTED = {"docker>=6.1,<7": ("docker", "6.1.3"), "requests<2.32": ("requests", "2.31.0")}


def _describe_breakage(compose: ComposeV1, pins: tuple[str, ...]) -> str:
    """Return a sentence that names the distributions whose requirements the new versions break."""
    new_versions = dict(_NEWEST_ADMITTED[pin] for pin in pins)
    broken = [
        f"{user.distribution} {user.version} (requires {user.requirement})"
        for user in compose.users
        if not _is_satisfied(user.requirement, new_versions)
    ]
    every = "every other program that uses that interpreter gets these versions too"
    if broken:
        unmet = "the requirements of the following would no longer be met"
        return f"{every}; {unmet}: {', '.join(broken)}"
    return f"{every}; the installed packages all accept them"


def _is_satisfied(requirement: str, new_versions: dict[str, str]) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        required = Requirement(requirement)
    except InvalidRequirement:
        return True
    version = new_versions.get(canonicalize_name(required.name))
    return version is None or required.specifier.contains(version, prereleases=True)
