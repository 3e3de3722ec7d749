"""The remedy that installs a torch build for this driver and these GPUs."""

from infra.doctor.analysis.cuda_table import choose_cuda
from infra.doctor.analysis.torch_build import find_cuda_version
from infra.doctor.finding import Remedy
from infra.doctor.remedies.quoting import quote_path
from infra.doctor.subjects import HostSubject
from infra.host.facts import GpuDriver, known_or_none

_REQUIREMENT = "torch~=2.13.0"


def offer_torch_build(subject: HostSubject) -> tuple[Remedy, ...]:
    """Offer a wheel for a local run, or an image for containers, if there is one that can run."""
    driver = known_or_none(subject.facts.gpu)
    if not isinstance(driver, GpuDriver):
        return ()
    cuda = choose_cuda(driver.driver_version, (gpu.compute_capability for gpu in driver.gpus))
    if cuda is None or cuda == find_cuda_version(subject):
        return ()
    return _offer_wheel(subject, cuda) if subject.is_local_run else (_take_image(cuda),)


def _take_image(cuda: str) -> Remedy:
    return Remedy(
        f"Use a trainer image with CUDA {cuda}, which this driver and GPU can run",
        (f"QCA_STACK_BASE_IMAGE=pytorch/pytorch:2.13.0-cuda{cuda}-cudnn9-runtime qca up",),
    )


def _offer_wheel(subject: HostSubject, cuda: str) -> tuple[Remedy, ...]:
    python = known_or_none(subject.facts.python)
    if python is None:
        return ()
    index = f"https://download.pytorch.org/whl/cu{cuda.replace('.', '')}"
    return (
        Remedy(
            f"Install the CUDA {cuda} build, which this driver and GPU can run (several GB)",
            (
                f"{quote_path(python.executable)} -P -m pip install --force-reinstall "
                f"'{_REQUIREMENT}' --index-url {index}",
            ),
            breaks="replaces torch and its dependencies in that environment",
        ),
    )
