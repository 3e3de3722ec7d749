"""Which Compose is here, and does the old one still work?"""

from dataclasses import asdict

from infra.doctor.check import Check
from infra.doctor.compose_v1_compatibility import Breaks, NotMeasured, predict
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.compose_plugin import (
    REFRESH_SNAP,
    SEE_QCA201,
    install_plugin,
    link_plugin,
)
from infra.doctor.remedies.compose_v1 import can_reach_daemon, list_v1_remedies
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import (
    ComposePlugin,
    ComposeV1,
    ComposeV1Bundle,
    Engine,
    NoEngine,
    StandaloneCompose,
    known_or_none,
    require,
)
from infra.host.snap import is_from_snap


def _plugin(subject: HostSubject) -> Verdict:
    compose = require(subject.facts.compose)
    if isinstance(compose, ComposePlugin):
        return ok(
            f"`docker compose` is Compose {compose.version}.",
            version=compose.version,
            docker_client=compose.docker_client,
        )
    docker = known_or_none(subject.facts.docker)
    no_engine = isinstance(docker, NoEngine)
    severity = subject.grade_container_fault(
        otherwise=Severity.INFO if no_engine else Severity.WARNING
    )
    message = f"`docker compose` (Compose V2) is not there.\n{compose.detail}"
    if subject.plan.runtime.value == "local":
        message += "\n`qca up` trains on this machine without Docker, which needs no Compose."
    other = known_or_none(subject.facts.docker_compose)
    if isinstance(other, StandaloneCompose):
        message += f"\n{other.path} is Compose {other.version}: it can serve as the plugin as is."
        remedies = (link_plugin(other.path),)
    elif isinstance(docker, Engine) and is_from_snap(docker):
        remedies = (REFRESH_SNAP,)
    else:
        remedies = (install_plugin(known_or_none(subject.facts.system)),)
    return Verdict(severity, message, {"detail": compose.detail}, remedies)


def _old(subject: HostSubject) -> Verdict:
    compose = require(subject.facts.docker_compose)
    if isinstance(compose, StandaloneCompose):
        return ok(
            f"`docker-compose` is Compose {compose.version} under the old name.", path=compose.path
        )
    if not isinstance(compose, ComposeV1 | ComposeV1Bundle):
        return ok("There is no Compose V1 on PATH.")
    plugin = known_or_none(subject.facts.compose)
    has_plugin = isinstance(plugin, ComposePlugin)
    message = (
        f"`docker-compose` is Compose V1 ({compose.version}), {compose.path}.\n"
        "It has had no updates, security fixes included, since July 2023. "
    )
    message += (
        "`docker compose` (with a space) is here and is what `qca up` uses."
        if has_plugin
        else "qca does not use it: it needs `docker compose`, Compose V2."
    )
    return Verdict(
        Severity.INFO if has_plugin else Severity.WARNING,
        message,
        {"path": compose.path, "version": compose.version},
        () if has_plugin else (SEE_QCA201,),
    )


def _talks(subject: HostSubject) -> Verdict:
    compose = require(subject.facts.docker_compose)
    if isinstance(compose, ComposeV1Bundle):
        return ok(f"{compose.path} is a self-contained binary: no installed library reaches it.")
    if not isinstance(compose, ComposeV1):
        return ok("There is no Compose V1 whose libraries could clash.")
    missing = [
        name
        for name in ("docker", "requests", "urllib3", "PyYAML")
        if name not in compose.libraries
    ]
    if missing:
        return _cannot_import(subject, compose, missing)
    docker_py, requests, urllib3 = (
        compose.libraries[name].version for name in ("docker", "requests", "urllib3")
    )
    evidence = _evidence(compose)
    engine = known_or_none(subject.facts.docker)
    host = engine.host if isinstance(engine, Engine) else ""
    prediction = predict(docker_py, requests, urllib3)
    if isinstance(prediction, NotMeasured):
        return skip(f"Compose V1 could not be judged.\n{prediction.reason}.", **evidence)
    if not isinstance(prediction, Breaks):
        return ok(
            f"Compose V1 can talk to the daemon with docker-py {docker_py}, requests {requests} "
            f"and urllib3 {urllib3}.",
            **evidence,
        )
    if prediction.culprit != "docker" and host.startswith(("tcp://", "http://", "https://")):
        return skip(
            f"Compose V1 could not be judged for {host}.\nOver a Unix socket these versions "
            f"fail ({prediction.error}); over TCP another code path runs, which was not measured.",
            **evidence,
        )
    return _broken(subject, compose, prediction, evidence)


def _broken(
    subject: HostSubject, compose: ComposeV1, prediction: Breaks, evidence: dict[str, object]
) -> Verdict:
    library = compose.libraries[prediction.culprit]
    where = " in the user site (`pip install --user`)" if library.user_site else ""
    where += " put there by PYTHONPATH" if library.pythonpath else ""
    where += f", installed {library.installed}" if library.installed else ""
    message = (
        f"`docker-compose` (V1) will fail: {prediction.error}\n"
        f"Why: {prediction.because}. {compose.interpreter} imports {prediction.culprit} "
        f"{library.version} from {library.location}{where}."
    )
    if prediction.culprit == "requests":
        message += " Installing urllib3<2 alone mends nothing."
    message += "\n`docker-compose version` and `config` still succeed; only `ps`, `up`, ... fail."
    evidence |= {"error": prediction.error, "error_class": prediction.error_class}
    return _of_broken(subject, compose, message, evidence)


def _cannot_import(subject: HostSubject, compose: ComposeV1, missing: list[str]) -> Verdict:
    names = ", ".join(missing)
    message = (
        f"`docker-compose` (V1) will fail: its interpreter cannot import {names}.\n"
        f"Looked with {compose.interpreter}, which {compose.path} names."
    )
    return _of_broken(subject, compose, message, {**_evidence(compose), "missing": missing})


def _of_broken(
    subject: HostSubject, compose: ComposeV1, message: str, evidence: dict[str, object]
) -> Verdict:
    if compose.beside is None or not can_reach_daemon(compose.beside):
        remedies = list_v1_remedies(compose, known_or_none(subject.facts.compose))
        return Verdict(_severity_of_v1(subject), message, evidence, remedies)
    path = compose.beside.path
    message += f"\n{path} is a Compose V1 with libraries of its own, and it works."
    evidence["beside"] = path
    use = Remedy("Call that one by its path", (f"{quote_path(path)} ps",))
    return Verdict(Severity.INFO, message, evidence, (use,))


def _severity_of_v1(subject: HostSubject) -> Severity:
    """A broken V1 leaves nobody without containers who has Compose V2."""
    if isinstance(known_or_none(subject.facts.compose), ComposePlugin):
        return Severity.WARNING
    return subject.grade_container_fault()


def _evidence(compose: ComposeV1) -> dict[str, object]:
    return {
        "path": compose.path,
        "version": compose.version,
        "interpreter": compose.interpreter,
        "libraries": {name: asdict(lib) for name, lib in compose.libraries.items()},
    }


# Measured with Compose V1 1.29.2: fine on Engine 20.10, broken on 26.1. What it reads,
# `ContainerConfig` of an image, left the API with version 1.45, which is Engine 26.0:
# https://docs.docker.com/reference/api/engine/version-history/#v145-api-changes
_ENGINE_WITHOUT_CONTAINER_CONFIG = 26


def _recreates(subject: HostSubject) -> list[Verdict]:
    compose, docker = require(subject.facts.docker_compose), require(subject.facts.docker)
    if not isinstance(compose, ComposeV1 | ComposeV1Bundle) or isinstance(docker, NoEngine):
        return []
    major = docker.version.partition(".")[0]
    if not major.isdigit():
        return [skip(f"The engine's version {docker.version!r} is not a number.")]
    if int(major) < _ENGINE_WITHOUT_CONTAINER_CONFIG:
        return [ok(f"Compose V1 can recreate containers on Engine {docker.version}.")]
    message = (
        f"Compose V1 cannot recreate a container on Engine {docker.version}.\n"
        "A first `docker-compose up` works; the next one that has to replace a container ends "
        "with KeyError: 'ContainerConfig', a field that Engine 26 no longer sends."
    )
    remedy = Remedy(
        "Use Compose V2, or remove the containers before each start with V1",
        (f"{quote_path(compose.path)} down", f"{quote_path(compose.path)} up -d"),
        breaks="the containers (not their volumes) are removed and made again",
    )
    return [Verdict(Severity.WARNING, message, {"engine": docker.version}, (remedy,))]


CHECKS = (
    Check(
        id="QCA201",
        category="compose",
        title="No Compose V2",
        needs=("compose",),
        looks_at="what `docker compose version` answers. Releases go from 2.40 to 5.0, so any "
        "major version from 2 on is modern.",
        why="`qca up` starts the containers with `docker compose`. Compose V1 "
        "(`docker-compose`) cannot take its place: it lacks `up --wait`.",
        fix="Install the plugin, for one user or for all; a modern `docker-compose` that is "
        "already there can be linked as the plugin.",
        url="https://docs.docker.com/compose/install/linux/",
        judge_host=_plugin,
    ),
    Check(
        id="QCA202",
        category="compose",
        title="Compose V1 is what `docker-compose` runs",
        needs=("docker_compose",),
        looks_at="the `docker-compose` on PATH, judged by what it answers and not by its name: a "
        "Python script is V1, a Go binary is V2 or later, and there is a self-contained V1 binary.",
        why="Compose V1 (last release 1.29.2, May 2021) reached its end of life in July 2023. It "
        "has no upper bounds on the libraries it needs, so that any upgrade of them can break it "
        "(QCA203).",
        fix="Type `docker compose` instead of `docker-compose`; nearly all files work unchanged.",
        url="https://docs.docker.com/compose/releases/migrate/",
        judge_host=_old,
    ),
    Check(
        id="QCA203",
        category="compose",
        title="Compose V1 cannot talk to the daemon",
        needs=("docker_compose",),
        looks_at="docker-py, requests and urllib3 (and PyYAML) as the interpreter behind "
        "`docker-compose` would import them, user site and PYTHONPATH included; never those of "
        "qca's own interpreter. Three rules, in this order: docker-py >= 7 fails with "
        "`ssl_version`; else requests >= 2.32 fails with `Not supported URL scheme http+docker`, "
        "whatever urllib3 is; else docker-py < 6.1 with urllib3 >= 2 fails with `chunked`; else "
        "it works. Measured for 1.29.2 over a Unix socket in 125 combinations; requests before "
        "2.26 needs chardet besides, which is not looked for.",
        why="Compose V1 asks for `requests<3` and `docker[ssh]>=5` with no tighter bound, so that "
        "pip may install combinations it never met. `docker-compose version`, `docker-compose "
        "config` and often `pip check` do not notice.\n"
        "A wrapper that sets DOCKER_HOST=unix:///var/run/docker.sock cannot help: the address "
        "was never wrong. docker-py turns every Unix socket, the default one included, into the "
        "made-up scheme http+docker:// inside its own process, and what no longer fits is the "
        "code that resolves that scheme. The address it starts from makes no difference.",
        fix="In this order: use Compose V2. Or run V1 without the user site that shadows its "
        "libraries (PYTHONNOUSERSITE=1), which changes nothing on the machine. Or give V1 an "
        "environment of its own, with the constraints file that qca ships. A downgrade in place "
        "comes last, because other programs of that interpreter may need the newer libraries. "
        "Quote the requirements: unquoted, bash reads `<2.32` as a redirection.",
        url="https://github.com/docker/docker-py/issues/3256",
        judge_host=_talks,
    ),
    Check(
        id="QCA204",
        category="compose",
        title="Compose V1 cannot recreate containers on this engine",
        needs=("docker_compose", "docker"),
        looks_at="whether `docker-compose` is V1 and the engine is version 26 or newer.",
        why="V1 reads `ContainerConfig` of an image when it replaces a container; the Engine API "
        "dropped that field in version 1.45 (Engine 26). Measured: fine on 20.10, "
        "KeyError: 'ContainerConfig' on 26.1; the versions between were not measured.",
        fix="Use Compose V2.",
        url="https://docs.docker.com/reference/api/engine/version-history/#v145-api-changes",
        judge_host=_recreates,
    ),
)
