"""A script for another interpreter, which prints the libraries that it would import.

It runs as `PYTHON -c THIS_TEXT PATH_OF_DOCKER_COMPOSE`, on any Python since 2.7, with only its
standard library. It imports none of the libraries, and reads no configuration beyond what starting
the interpreter reads anyway. It prints one line of JSON.
"""

# Python 2.7 has no annotations, only comments:
# pyright: reportTypeCommentUsage=false
# It has no pathlib, and knows OSError by two names:
# ruff: noqa: C402, D103, PTH100, PTH110, PTH113, PTH118, PTH120, PTH204, PTH208, UP020, UP024
import io
import json
import os
import re
import site
import sys
import sysconfig
import time

TYPE_CHECKING = False  # Python 2.7 has no typing
if TYPE_CHECKING:
    from collections.abc import Iterator  # noqa: F401 - the type comments use it

    # The types of a distribution (name, version, requirements and day) and of a library in a folder
    # of the path.
    Record = tuple[str, str, list[str], str]
    Place = dict[str, object]

# Module to import -> name of the distribution that contains it.
MODULES = {"docker": "docker", "requests": "requests", "urllib3": "urllib3", "yaml": "PyYAML"}

# The imports of docker-compose 1.29.2 and of its required dependencies.
NEEDED = (
    "compose",
    "docker",
    "dockerpty",
    "docopt",
    "dotenv",
    "distro",
    "jsonschema",
    "texttable",
    "websocket",
    "yaml",
    "requests",
    "urllib3",
    "idna",
    "certifi",
)

# Modules that some releases of Compose, docker-py and requests import and others do not (Debian's
# Compose does not import distutils), in the order in which `docker-compose` imports them. Python
# 3.12 removed distutils, and 3.13 pipes.
IMPORTED_BY_SOME = ("pipes", "distutils", "chardet", "packaging")
IMPORTERS = ("compose", "docker", "requests")
IMPORT = re.compile(r"^(?:import|from) +({})\b".format("|".join(IMPORTED_BY_SOME)), re.M)

# The files with a module's own version, for folders without metadata.
VERSION_FILES = ("_version.py", "__version__.py", "version.py", "__init__.py")
VERSION = re.compile(
    r"^(?:__version__|version)\s*(?::[^=\n]*)?=\s*[^'\"\n]*['\"](\d[^'\"]*)['\"]", re.M
)


def build_search_path():
    # type: () -> list[str]
    """Return the sys.path of `docker-compose`, with its own folder instead of the current folder,
    which `-c` adds."""
    flags = sys.flags
    path = list(sys.path)
    if not getattr(flags, "isolated", 0) and not getattr(flags, "safe_path", False):
        path[0] = os.path.dirname(os.path.realpath(sys.argv[1]))
    return [os.path.abspath(entry) for entry in path]


def list_names(folder):
    # type: (str) -> list[str]
    try:
        return os.listdir(folder)
    except OSError:
        return []


def read_text(path):
    # type: (str) -> str
    try:
        with io.open(path, encoding="utf-8", errors="replace") as file:
            return file.read(2**20)
    except (OSError, IOError):
        return ""


def normalize_name(name):
    # type: (str) -> str
    return re.sub(r"[-_.]+", "-", name).lower()


def find_distributions(folder):
    # type: (str) -> Iterator[Record]
    """Yield name, version, requirements and time of each distribution recorded in a folder."""
    for entry in list_names(folder):
        record = os.path.join(folder, entry)
        if entry.endswith(".dist-info"):
            metadata = read_text(os.path.join(record, "METADATA"))
            requirements = re.findall(r"^Requires-Dist: *(.+?)\r?$", metadata, re.M)
        elif entry.endswith(".egg-info"):
            metadata = read_text(os.path.join(record, "PKG-INFO")) or read_text(record)
            requirements = parse_egg_requirements(read_text(os.path.join(record, "requires.txt")))
        elif entry == "EGG-INFO":
            metadata = read_text(os.path.join(record, "PKG-INFO"))
            requirements = parse_egg_requirements(read_text(os.path.join(record, "requires.txt")))
        else:
            continue
        name = re.search(r"^Name: *(.+?)\r?$", metadata, re.M)
        version = re.search(r"^Version: *(.+?)\r?$", metadata, re.M)
        if name and version:
            yield name.group(1), version.group(1), requirements, read_install_day(record)


def parse_egg_requirements(text):
    # type: (str) -> list[str]
    """Return the lines up to the first section; the sections are extras."""
    lines = [line.strip() for line in text.split("\n[")[0].splitlines()]
    return [line for line in lines if line and not line.startswith("[")]


def read_install_day(record):
    # type: (str) -> str
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(os.path.getmtime(record)))
    except OSError:
        return ""


def find_module(folder, module):
    # type: (str, str) -> str | None
    """Return the module's folder or file, if this folder of the path has it."""
    package = os.path.join(folder, module)
    if os.path.isfile(os.path.join(package, "__init__.py")):
        return package
    return package + ".py" if os.path.isfile(package + ".py") else None


def find_imported_elsewhere(module):
    # type: (str) -> str | None
    """Return the location of a module that an import hook finds outside the path (editable
    installs)."""
    try:
        from importlib.util import find_spec

        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    origin = spec.origin if spec else None
    return os.path.dirname(origin) if origin and os.path.isfile(origin) else None


def read_module_version(package):
    # type: (str) -> str | None
    for name in VERSION_FILES:
        match = VERSION.search(read_text(os.path.join(package, name)))
        if match:
            return match.group(1)
    return None


def find_places(path, records, module, distribution):
    # type: (list[str], dict[str, list[Record]], str, str) -> list[Place]
    """Return the library in every folder of the path that has it, with the imported one first."""
    found = []  # type: list[Place]
    for folder in path:
        package = find_module(folder, module)
        if package and folder not in [place["location"] for place in found]:
            found.append(describe_place(folder, package, records.get(folder, []), distribution))
    package = None if found else find_imported_elsewhere(module)
    if package:
        found.append(describe_place(os.path.dirname(package), package, [], distribution))
    # A library without a version counts if it is the first, but not if it is shadowed.
    return found[:1] + [place for place in found[1:] if place["version"]]


def describe_place(folder, package, records, distribution):
    # type: (str, str, list[Record], str) -> Place
    mine = [
        record for record in records if normalize_name(record[0]) == normalize_name(distribution)
    ]
    # After a broken upgrade there are two records in one folder; only the module has the right
    # version.
    version = mine[0][1] if len(mine) == 1 else read_module_version(package)
    return {
        "version": version or (mine[0][1] if mine else None),
        "location": folder,
        "user_site": is_user_site(folder),
        "pythonpath": is_on_pythonpath(folder),
        "installed": mine[0][3] if mine else "",
    }


def find_user_site():
    # type: () -> str | None
    """Return the user site, if this interpreter uses it."""
    try:
        return site.getusersitepackages() if site.ENABLE_USER_SITE else None
    except AttributeError:  # the `site` of an old virtualenv
        return None


def is_user_site(folder):
    # type: (str) -> bool
    """Return whether a folder is the user site, or is on the path only due to its `.pth` file."""
    own = find_user_site()
    folders = list_pth_folders(own) if own else []
    if own:
        folders.append(own)
    return os.path.realpath(folder) in [os.path.realpath(other) for other in folders]


def list_pth_folders(site_folder):
    # type: (str) -> list[str]
    """Return the folders that the `.pth` files of a site folder add to the path."""
    names = [name for name in list_names(site_folder) if name.endswith(".pth")]
    return [
        os.path.join(site_folder, line.strip())
        for name in names
        for line in read_text(os.path.join(site_folder, name)).splitlines()
        if line.strip() and not line.startswith(("#", "import ", "import\t"))
    ]


def is_on_pythonpath(folder):
    # type: (str) -> bool
    if getattr(sys.flags, "ignore_environment", 0):
        return False
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.path.realpath(folder) in [os.path.realpath(entry) for entry in given if entry]


def list_user_only(path):
    # type: (list[str]) -> list[str]
    """Return the required modules that are missing without the user site and PYTHONPATH."""
    found = dict(
        (name, [folder for folder in path if find_module(folder, name)]) for name in NEEDED
    )
    return [
        name
        for name in NEEDED
        if found[name]
        and all(is_user_site(folder) or is_on_pythonpath(folder) for folder in found[name])
    ]


def list_missing(path):
    # type: (list[str]) -> list[str]
    """Return the missing modules that this `docker-compose` needs to start, in import order."""
    needed = [name for name in IMPORTED_BY_SOME if name in list_imported(path)] + list(NEEDED)
    return [name for name in needed if not is_importable(path, name)]


def list_imported(path):
    # type: (list[str]) -> set[str]
    """Return the modules of IMPORTED_BY_SOME that the packages import when they are loaded."""
    found = set()  # type: set[str]
    for module in IMPORTERS:
        package = next((found for found in (find_module(f, module) for f in path) if found), "")
        for file in list_sources(package):
            found.update(IMPORT.findall(read_text(file)))
    return found


def list_sources(package):
    # type: (str) -> list[str]
    return [
        os.path.join(folder, name)
        for folder, _, names in os.walk(package)
        for name in names
        if name.endswith(".py")
    ]


def is_importable(path, module):
    # type: (list[str], str) -> bool
    """Return whether a module can be imported; Debian's partial distutils does not count."""
    file = os.path.join(module, "spawn") if module == "distutils" else module
    found = any(find_module(folder, file) for folder in path)
    return found or bool(find_imported_elsewhere(module))


def is_in_virtual_environment():
    # type: () -> bool
    base = getattr(sys, "base_prefix", getattr(sys, "real_prefix", sys.prefix))
    return base != sys.prefix or hasattr(sys, "real_prefix")


def is_externally_managed():
    # type: () -> bool
    folder = sysconfig.get_path("stdlib")
    return not is_in_virtual_environment() and os.path.exists(
        os.path.join(folder, "EXTERNALLY-MANAGED")
    )


def list_requirements(records, path):
    # type: (dict[str, list[Record]], list[str]) -> list[list[str]]
    """Return the libraries that the effective distributions (the first of each name) require."""
    libraries = [normalize_name(name) for name in MODULES.values()]
    visited = set()  # type: set[str]
    found = []  # type: list[list[str]]
    for folder in path:
        for name, version, requirements, _ in records.get(folder, []):
            if normalize_name(name) in visited:
                continue
            visited.add(normalize_name(name))
            found.extend(
                [name, version, requirement]
                for requirement in requirements
                if find_required_name(requirement) in libraries
            )
    return found


def find_required_name(requirement):
    # type: (str) -> str | None
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return normalize_name(match.group()) if match else None


def main():
    # type: () -> None
    path = build_search_path()
    records = dict((folder, list(find_distributions(folder))) for folder in path)
    compose = [
        version
        for folder in path
        for name, version, _, _ in records[folder]
        if normalize_name(name) == "docker-compose"
    ]
    answer = {
        "executable": sys.executable,
        "python_version": ".".join(str(part) for part in sys.version_info[:3]),
        "user_site": find_user_site(),
        "virtual_environment": is_in_virtual_environment(),
        "externally_managed": is_externally_managed(),
        "compose_version": compose[0] if compose else None,
        "places": dict(
            (distribution, find_places(path, records, module, distribution))
            for module, distribution in MODULES.items()
        ),
        "requirements": list_requirements(records, path),
        "user_only": list_user_only(path),
        "missing_modules": list_missing(path),
    }
    sys.stdout.write("\nqca-libraries: " + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
