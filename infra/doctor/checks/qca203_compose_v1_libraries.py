"""QCA203: can Compose V1 talk to the daemon with the libraries that its interpreter imports?"""

from dataclasses import asdict

from infra.doctor.analysis.compose_v1_compatibility import Breaks, NotMeasured, predict
from infra.doctor.check import Check
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
        return ok(
            f"{compose.path} is a self-contained binary and does not import installed libraries."
        )
    if not isinstance(compose, ComposeV1):
        return ok("Compose V1 is not installed, so its libraries cannot conflict.")
    missing = list(compose.missing_modules or ())
    missing = missing or [name for name in _IMPORTS if name not in compose.libraries]
    if missing:
        return _report_missing(subject, compose, missing)
    return _judge_versions(subject, compose)


def _judge_versions(subject: HostSubject, compose: ComposeV1) -> Verdict:
    docker_py, requests, urllib3 = (compose.libraries[name].version for name in _IMPORTS[:3])
    evidence = _collect_evidence(compose)
    has_chardet = compose.missing_modules is not None  # a missing chardet would be listed
    prediction = predict(docker_py, requests, urllib3, has_chardet=has_chardet)
    if isinstance(prediction, NotMeasured):
        return skip(f"Cannot determine whether Compose V1 works.\n{prediction.reason}.", **evidence)
    if not isinstance(prediction, Breaks):
        return ok(
            f"Compose V1 can talk to the daemon with docker-py {docker_py}, requests "
            f"{requests} and urllib3 {urllib3}.",
            **evidence,
        )
    engine = known_or_none(subject.facts.docker)
    host = engine.host if isinstance(engine, Engine) else ""
    if prediction.culprit != "docker" and host.startswith(("tcp://", "http://", "https://")):
        return skip(
            f"Cannot determine whether Compose V1 works with {host}.\nOver a Unix socket these "
            f"versions fail ({prediction.error}); TCP uses another code path, which was not "
            "tested.",
            **evidence,
        )
    return _report_break(subject, compose, prediction, evidence)


def _report_missing(subject: HostSubject, compose: ComposeV1, missing: list[str]) -> Verdict:
    names = ", ".join(missing)
    message = (
        f"`docker-compose` (V1) will fail: its interpreter cannot import {names}.\n{compose.path} "
        f"uses {compose.interpreter} (Python {compose.python_version})."
    )
    if compose.missing_modules:
        message += f" Every command fails with: No module named '{missing[0]}'"
    evidence = {**_collect_evidence(compose), "missing": missing}
    return _offer_way_out(subject, compose, message, evidence)


def _report_break(
    subject: HostSubject, compose: ComposeV1, prediction: Breaks, evidence: dict[str, object]
) -> Verdict:
    library = compose.libraries[prediction.culprit]
    where = " in the user site (`pip install --user`)" if library.user_site else ""
    if library.user_site and compose.user_site not in (None, library.location):
        where = f" added by a .pth file in {compose.user_site}"
    where += " added by PYTHONPATH" if library.pythonpath else ""
    where += f", installed on {library.installed}" if library.installed else ""
    message = (
        f"`docker-compose` (V1) will fail: {prediction.error}\n"
        f"Why: {prediction.because}. {compose.interpreter} imports {prediction.culprit} "
        f"{library.version} from {library.location}{where}."
    )
    if prediction.culprit == "requests":
        message += " Installing urllib3<2 alone does not fix it."
    message += (
        "\n`docker-compose version` and `config` still work; `ps`, `up` and the other commands "
        "fail."
    )
    evidence |= {"error": prediction.error, "error_class": prediction.error_class}
    return _offer_way_out(subject, compose, message, evidence)


def _offer_way_out(
    subject: HostSubject, compose: ComposeV1, message: str, evidence: dict[str, object]
) -> Verdict:
    """Return the verdict on a broken V1; its severity is only info if another V1 on PATH works."""
    plugin = known_or_none(subject.facts.compose)
    if compose.beside is None or not can_reach_daemon(compose.beside):
        # With Compose V2, containers start anyway.
        has_v2 = isinstance(plugin, ComposePlugin)
        severity = Severity.WARNING if has_v2 else subject.grade_container_fault()
        return Verdict(severity, message, evidence, list_v1_remedies(compose, plugin))
    path = compose.beside.path
    message += f"\n{path} is another Compose V1, which has its own libraries and works."
    evidence["beside"] = path
    use = Remedy("Run it by its path", (f"{quote_path(path)} ps",))
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
    looks_at="docker-py, requests and urllib3 (and PyYAML) as imported by the interpreter of "
    "`docker-compose`, including those from the user site and PYTHONPATH, and not those of qca's "
    "interpreter. Three rules, in this order: docker-py >= 7 fails with `ssl_version`; else "
    "requests >= 2.32 fails with `Not supported URL scheme http+docker`, with any urllib3; else "
    "docker-py < 6.1 with urllib3 >= 2 fails with `chunked`; else it works. The rules "
    "were tested with Compose V1 1.29.2 over a Unix socket, in 125 combinations; requests 2.25 "
    "also needs chardet. Before these rules it looks for the modules without which V1 does not "
    "even start: distutils "
    "(removed in Python 3.12), pipes (removed in 3.13), and the modules that V1 and its libraries "
    "import.",
    why="Compose V1 asks for `requests<3` and `docker[ssh]>=5` without tighter bounds, so pip may "
    "install combinations that it was never tested with. `docker-compose version`, "
    "`docker-compose config` and often `pip check` do not show the problem.\nA wrapper that sets "
    "DOCKER_HOST=unix:///var/run/docker.sock cannot help, because the address is not the "
    "problem. docker-py converts the address of every Unix socket, including the default one, to "
    "the internal scheme http+docker://, and the code that resolves that scheme no longer works. "
    "The original address makes no difference.",
    fix="In order of preference: use Compose V2. Or run V1 without the user site that shadows its "
    "libraries (PYTHONNOUSERSITE=1), which changes nothing on the machine. Or install V1 in a "
    "virtual environment with Python 3.7 to 3.12 and the constraints file that qca ships. "
    "Downgrading in place is the last resort, because other programs that use that interpreter may "
    "need the newer libraries. Quote the requirements, since bash reads an unquoted `<2.32` as a "
    "redirection.",
    url="https://github.com/docker/docker-py/issues/3256",
    judge_host=_judge_host,
)
