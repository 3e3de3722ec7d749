"""QCA203: can Compose V1 talk to the daemon with the libraries that its interpreter imports?"""

from dataclasses import asdict

from infra.doctor.check import Check
from infra.doctor.compose_v1_compatibility import Breaks, NotMeasured, predict
from infra.doctor.finding import Remedy, Severity, Verdict, ok, skip
from infra.doctor.remedies.compose_v1 import can_reach_daemon, list_v1_remedies
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import (
    ComposePlugin,
    ComposeV1,
    ComposeV1Bundle,
    Engine,
    known_or_none,
    require,
)

_IMPORTS = ("docker", "requests", "urllib3", "PyYAML")


def _judge_host(subject: HostSubject) -> Verdict:
    compose = require(subject.facts.docker_compose)
    if isinstance(compose, ComposeV1Bundle):
        return ok(f"{compose.path} is a self-contained binary: no installed library reaches it.")
    if not isinstance(compose, ComposeV1):
        return ok("There is no Compose V1 whose libraries could clash.")
    missing = list(compose.missing_modules or ())
    missing = missing or [name for name in _IMPORTS if name not in compose.libraries]
    if missing:
        return _report_missing(subject, compose, missing)
    return _judge_versions(subject, compose)


def _judge_versions(subject: HostSubject, compose: ComposeV1) -> Verdict:
    docker_py, requests, urllib3 = (compose.libraries[name].version for name in _IMPORTS[:3])
    evidence = _collect_evidence(compose)
    has_chardet = compose.missing_modules is not None  # else it would be among them
    prediction = predict(docker_py, requests, urllib3, has_chardet=has_chardet)
    if isinstance(prediction, NotMeasured):
        return skip(f"Compose V1 could not be judged.\n{prediction.reason}.", **evidence)
    if not isinstance(prediction, Breaks):
        return ok(
            f"Compose V1 can talk to the daemon with docker-py {docker_py}, requests {requests} "
            f"and urllib3 {urllib3}.",
            **evidence,
        )
    engine = known_or_none(subject.facts.docker)
    host = engine.host if isinstance(engine, Engine) else ""
    if prediction.culprit != "docker" and host.startswith(("tcp://", "http://", "https://")):
        return skip(
            f"Compose V1 could not be judged for {host}.\nOver a Unix socket these versions "
            f"fail ({prediction.error}); over TCP another code path runs, which was not measured.",
            **evidence,
        )
    return _report_break(subject, compose, prediction, evidence)


def _report_missing(subject: HostSubject, compose: ComposeV1, missing: list[str]) -> Verdict:
    names = ", ".join(missing)
    message = (
        f"`docker-compose` (V1) will fail: its interpreter cannot import {names}.\n"
        f"Looked with {compose.interpreter} (Python {compose.python_version}), which "
        f"{compose.path} names."
    )
    if compose.missing_modules:
        message += f" Every command ends with: No module named '{missing[0]}'"
    evidence = {**_collect_evidence(compose), "missing": missing}
    return _offer_way_out(subject, compose, message, evidence)


def _report_break(
    subject: HostSubject, compose: ComposeV1, prediction: Breaks, evidence: dict[str, object]
) -> Verdict:
    library = compose.libraries[prediction.culprit]
    where = " in the user site (`pip install --user`)" if library.user_site else ""
    if library.user_site and compose.user_site not in (None, library.location):
        where = f" put there by a .pth file in {compose.user_site}"
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
    return _offer_way_out(subject, compose, message, evidence)


def _offer_way_out(
    subject: HostSubject, compose: ComposeV1, message: str, evidence: dict[str, object]
) -> Verdict:
    """Return the verdict on a broken V1, unless another V1 beside it works."""
    plugin = known_or_none(subject.facts.compose)
    if compose.beside is None or not can_reach_daemon(compose.beside):
        # With Compose V2, containers start all the same.
        has_v2 = isinstance(plugin, ComposePlugin)
        severity = Severity.WARNING if has_v2 else subject.grade_container_fault()
        return Verdict(severity, message, evidence, list_v1_remedies(compose, plugin))
    path = compose.beside.path
    message += f"\n{path} is a Compose V1 with libraries of its own, and it works."
    evidence["beside"] = path
    use = Remedy("Call that one by its path", (f"{quote_path(path)} ps",))
    return Verdict(Severity.INFO, message, evidence, (use,))


def _collect_evidence(compose: ComposeV1) -> dict[str, object]:
    return {
        "path": compose.path,
        "version": compose.version,
        "interpreter": compose.interpreter,
        "libraries": {name: asdict(library) for name, library in compose.libraries.items()},
    }


CHECK = Check(
    id="QCA203",
    category="compose",
    title="Compose V1 cannot talk to the daemon",
    needs=("docker_compose",),
    looks_at="docker-py, requests and urllib3 (and PyYAML) as the interpreter behind "
    "`docker-compose` would import them, user site and PYTHONPATH included; never those of "
    "qca's own interpreter. Three rules, in this order: docker-py >= 7 fails with "
    "`ssl_version`; else requests >= 2.32 fails with `Not supported URL scheme http+docker`, "
    "whatever urllib3 is; else docker-py < 6.1 with urllib3 >= 2 fails with `chunked`; else "
    "it works. Measured for 1.29.2 over a Unix socket in 125 combinations; requests 2.25 needs "
    "chardet besides. Before that, the modules without which it does not even start: distutils, "
    "which Python 3.12 dropped, pipes, which 3.13 dropped, and those that it and its libraries "
    "import.",
    why="Compose V1 asks for `requests<3` and `docker[ssh]>=5` with no tighter bound, so that "
    "pip may install combinations it never met. `docker-compose version`, `docker-compose "
    "config` and often `pip check` do not notice.\n"
    "A wrapper that sets DOCKER_HOST=unix:///var/run/docker.sock cannot help: the address "
    "was never wrong. docker-py turns every Unix socket, the default one included, into the "
    "made-up scheme http+docker:// inside its own process, and what no longer fits is the "
    "code that resolves that scheme. The address it starts from makes no difference.",
    fix="In this order: use Compose V2. Or run V1 without the user site that shadows its "
    "libraries (PYTHONNOUSERSITE=1), which changes nothing on the machine. Or give V1 an "
    "environment of its own, with the constraints file that qca ships, made by a Python from 3.7 "
    "to 3.12. A downgrade in place "
    "comes last, because other programs of that interpreter may need the newer libraries. "
    "Quote the requirements: unquoted, bash reads `<2.32` as a redirection.",
    url="https://github.com/docker/docker-py/issues/3256",
    judge_host=_judge_host,
)
