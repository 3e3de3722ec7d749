"""QCA391: does the store start with the planned flags? Tested by `qca doctor --deep`."""

from infra.doctor.check import Check
from infra.doctor.finding import Verdict, ok
from infra.doctor.subjects import HostSubject
from infra.host.facts import StoreRun, require


def _judge_host(subject: HostSubject) -> Verdict:
    run = require(subject.facts.live_store)
    evidence = {
        "image": run.image,
        "outcome": run.outcome,
        "seconds": run.seconds,
        "exit_code": run.exit_code,
    }
    if run.outcome == "healthy":
        message = f"{run.image} was healthy {run.seconds:.1f} s after its start, as planned."
        return ok(message, **evidence)
    lines = [_describe(run), *([run.detail] if run.detail else [])]
    return Verdict(subject.grade_container_fault(), "\n".join(lines), evidence)


def _describe(run: StoreRun) -> str:
    if run.outcome == "refused":
        return f"The engine cannot start {run.image} as planned."
    if run.outcome == "unhealthy":
        return f"{run.image} ran for {run.seconds:g} s without passing its health check."
    if run.killed_for_memory:
        return f"{run.image} was killed because it exceeded its memory limit."
    return f"{run.image} exited with code {run.exit_code}, {run.seconds:.1f} s after its start."


CHECK = Check(
    id="QCA391",
    category="dragonfly",
    title="The store does not start as planned",
    needs=("live_store",),
    looks_at="with `--deep`: the store's image, started as `qca up` starts it (flags, password "
    "file, user, limits, read-only root) but without a network, until its health check passes.",
    why="The rules of QCA301 to QCA303 predict Dragonfly's start from its sources. Only an actual "
    "start also tests the image, the kernel and the engine.",
    fix="The message quotes the engine, the health check or the end of the log. `qca plan` gives "
    "the reason for each flag; `stack.maxmemory` and `stack.proactor_threads` change them.",
    url="https://www.dragonflydb.io/docs/getting-started/docker",
    judge_host=_judge_host,
)
