"""`qca --version -v`: list the versions of everything that training depends on, without importing
it."""

from collections.abc import Iterator

from infra.host.facts import ComposePlugin, DockerFacts, Engine, HostFacts, Known, Unknown
from qca.core.distribution import read_version


def describe_versions(facts: HostFacts) -> str:
    """Return a line for each part, with its version or the reason why that is unknown."""
    lines = [("qca", read_version()), *_list_python(facts), *_list_docker(facts)]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def _list_python(facts: HostFacts) -> Iterator[tuple[str, str]]:
    if isinstance(facts.python, Unknown):
        yield "Python", _explain(facts.python)
        return
    python = facts.python.value
    yield "Python", python.version
    yield "torch", python.distributions.get("torch", "not installed")


def _list_docker(facts: HostFacts) -> Iterator[tuple[str, str]]:
    compose = facts.compose
    if isinstance(compose, Known) and isinstance(compose.value, ComposePlugin):
        client = compose.value.client_version or "unknown: no version reported"
        yield "Docker client", f"{client} ({compose.value.docker_client})"
    else:
        yield "Docker client", "unknown: it can be read only if `docker compose` works"
    yield "Docker Engine", _describe_engine(facts.docker)
    if isinstance(compose, Unknown):
        yield "Docker Compose", _explain(compose)
    elif isinstance(compose.value, ComposePlugin):
        yield "Docker Compose", compose.value.version
    else:
        yield "Docker Compose", f"none: {compose.value.detail}"


def _describe_engine(docker: "Known[DockerFacts] | Unknown") -> str:
    if isinstance(docker, Unknown):
        return _explain(docker)
    engine = docker.value
    if isinstance(engine, Engine):
        return f"{engine.version}, API {engine.api_version} ({engine.host})"
    return f"none: {engine.detail}"


def _explain(fact: Unknown) -> str:
    return f"unknown: {fact.reason}"
