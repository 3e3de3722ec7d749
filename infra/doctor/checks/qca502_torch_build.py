"""QCA502: can the installed torch use the GPU?"""

from collections.abc import Iterator

from infra.doctor.check import Check
from infra.doctor.finding import Severity, Verdict, ok
from infra.doctor.remedies.torch_wheel import offer_torch_build
from infra.doctor.subjects import HostSubject
from infra.host.facts import GpuDriver, PythonFacts, known_or_none, require


def _judge_host(subject: HostSubject) -> Iterator[Verdict]:
    python, driver = require(subject.facts.python), known_or_none(subject.facts.gpu)
    has_gpu = isinstance(driver, GpuDriver) and bool(driver.gpus)
    torch = python.distributions.get("torch")
    if subject.is_local_run and has_gpu and torch is not None:
        yield _judge_torch(subject, python, torch)


def _judge_torch(subject: HostSubject, python: PythonFacts, torch: str) -> Verdict:
    if python.torch_cuda:
        return ok(f"torch {torch} is built for CUDA {python.torch_cuda}.")
    asked = subject.config.train.device == "cuda"
    message = f"torch {torch} is a CPU build, but this host has a GPU.\n" + (
        "The configuration requires the GPU." if asked else "Training would run on the CPU."
    )
    severity = Severity.ERROR if asked else Severity.WARNING
    return Verdict(severity, message, {"torch": torch}, offer_torch_build(subject))


CHECK = Check(
    id="QCA502",
    category="python",
    title="The installed torch cannot use the GPU",
    needs=("python",),
    looks_at="whether the installed torch was built for CUDA, if a local run is planned and the "
    "host has a GPU.",
    why="A CPU build of torch silently ignores any GPU.",
    fix="Install a CUDA build that supports the driver and the GPU (QCA403, QCA404).",
    url="https://pytorch.org/get-started/locally/",
    judge_host=_judge_host,
)
