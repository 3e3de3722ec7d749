"""NVML's facts about the GPUs, and the layers at which NVML can fail."""

from pathlib import Path

import pytest

from infra.host.deadline import Deadline
from infra.host.errors import ProbeError
from infra.host.facts import GpuDriver, GpuProcess, NoGpuDriver
from infra.host.probes import gpu
from tests.support.fake_nvml import MIB, SOUND, Device, FakeNvml, Memory, NVMLError, Process


def write_card(root: Path, address: str, vendor: str, kind: str) -> None:
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    for name, text in {"vendor": vendor, "class": kind, "device": "0x1f82"}.items():
        (folder / name).write_text(f"{text}\n")


@pytest.fixture
def with_card(tmp_path: Path) -> Path:
    write_card(tmp_path, "0000:00:02.0", "0x8086", "0x030000")  # Intel's graphics
    write_card(tmp_path, "0000:01:00.0", "0x10de", "0x030000")  # an NVIDIA card
    write_card(tmp_path, "0000:01:00.1", "0x10de", "0x040300")  # and its sound
    return tmp_path


def probe(nvml: FakeNvml, root: Path = Path("/nowhere")) -> GpuDriver:
    found = gpu.probe(Deadline(5), root, nvml)
    assert isinstance(found, GpuDriver)
    assert nvml.open == 0  # NVML is shut down
    return found


def test_the_stand_in_has_nvidias_error_numbers() -> None:
    import pynvml

    names = [name for name in vars(FakeNvml) if name.startswith(("NVML_", "nvmlMemory"))]
    assert {name: getattr(FakeNvml, name) for name in names} == {
        name: getattr(pynvml, name) for name in names
    }
    asked = [name for name in vars(FakeNvml) if name.startswith("nvml")]
    assert all(hasattr(pynvml, name) for name in [*asked, *SOUND])


LAYERS = {
    # NVML's errors, each with the state with a card on the bus and the state without one.
    FakeNvml.NVML_ERROR_LIBRARY_NOT_FOUND: ("no-driver", "no-device"),
    FakeNvml.NVML_ERROR_DRIVER_NOT_LOADED: ("not-loaded", "no-device"),
    FakeNvml.NVML_ERROR_NO_PERMISSION: ("no-permission", "no-permission"),
    FakeNvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: ("version-mismatch", "version-mismatch"),
}


@pytest.mark.parametrize(("error", "states"), LAYERS.items())
def test_the_missing_layer(with_card: Path, error: int, states: tuple[str, str]) -> None:
    found = gpu.probe(Deadline(5), with_card, FakeNvml(init_error=error))
    assert isinstance(found, NoGpuDriver)
    assert found.state == states[0]
    assert found.cards == ("0000:01:00.0 10de:1f82",)
    found = gpu.probe(Deadline(5), Path("/nowhere"), FakeNvml(init_error=error))
    assert found.state == states[1]


@pytest.mark.parametrize(
    "nvml", [FakeNvml(init_error=999), FakeNvml(Device(), lost=True)], ids=["unknown", "lost"]
)
def test_another_error_is_unknown(with_card: Path, nvml: FakeNvml) -> None:
    with pytest.raises(ProbeError, match="NVML error"):
        gpu.probe(Deadline(5), with_card, nvml)
    assert nvml.open == 0


def test_without_the_driver_the_real_library_says_so() -> None:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        assert isinstance(gpu.probe(Deadline(5)), NoGpuDriver)
    else:
        assert isinstance(gpu.probe(Deadline(5)), GpuDriver)


def test_the_driver_and_its_gpu() -> None:
    found = probe(FakeNvml(Device()))
    assert (found.driver_version, found.cuda_version) == ("570.211.01", (12, 8))
    (one,) = found.gpus
    assert (one.name, one.compute_capability, one.mig) == ("NVIDIA GeForce GTX 1650", (7, 5), False)
    assert (one.memory_total, one.memory_free) == (3768 * MIB, 64 * MIB)
    assert one.memory_reserved == 60 * MIB
    assert one.pci_address == "0000:0a:00.0"


def test_a_driver_without_a_gpu() -> None:
    assert probe(FakeNvml()).gpus == ()


def test_an_old_driver_knows_only_the_first_memory_query() -> None:
    (one,) = probe(FakeNvml(Device(memory_v2=False))).gpus
    assert (one.memory_total, one.memory_free, one.memory_reserved) == (3768 * MIB, 64 * MIB, 0)


def test_a_gpu_without_memory_of_its_own_shares_the_hosts() -> None:
    import psutil

    (one,) = probe(FakeNvml(Device(memory=FakeNvml.NVML_ERROR_NOT_SUPPORTED))).gpus
    assert one.shares_host_memory
    assert one.memory_total == psutil.virtual_memory().total


def test_unreadable_memory_is_unknown() -> None:
    with pytest.raises(ProbeError):
        gpu.probe(
            Deadline(5),
            Path("/nowhere"),
            FakeNvml(Device(memory=FakeNvml.NVML_ERROR_NO_PERMISSION)),
        )


@pytest.mark.parametrize(
    "nvml",
    [
        FakeNvml(Device(name=b"A100")),  # type: ignore[arg-type]
        FakeNvml(Device(capability=(-1, 0))),
        FakeNvml(Device(memory=Memory(2**63, 0))),
        FakeNvml(Device(computing=[Process(7, 1)]), names={7: b"python"}),  # type: ignore[dict-item]
        FakeNvml(version=b"570.211.01"),
    ],
    ids=["a name", "a capability", "a size", "a process's name", "the driver's version"],
)
def test_an_answer_of_another_type_is_unknown(nvml: FakeNvml) -> None:
    with pytest.raises(ProbeError, match="gave an invalid answer"):
        gpu.probe(Deadline(5), Path("/nowhere"), nvml)
    assert nvml.open == 0


def test_several_gpus_keep_their_order() -> None:
    found = probe(FakeNvml(Device(name="A"), Device(name="B"), Device(name="C")))
    assert [(one.index, one.name) for one in found.gpus] == [(0, "A"), (1, "B"), (2, "C")]


def test_in_mig_mode_the_slices_are_listed_and_empty_slots_are_not() -> None:
    part = Device(name="H100 MIG 1g.10gb", memory=Memory(9856 * MIB, 9800 * MIB))
    (one,) = probe(FakeNvml(Device(mig=1, slices={0: part, 3: part}))).gpus
    assert one.mig
    assert [device.memory_free for device in one.mig_devices] == [9800 * MIB] * 2


def test_without_mig_no_slices() -> None:
    (one,) = probe(FakeNvml(Device(mig=0, slices={0: Device()}))).gpus
    assert not one.mig
    assert one.mig_devices == ()


PROCESSES = {
    "computes": ([Process(7, 100)], [], [(7, 100)]),
    "draws": ([], [Process(7, 50)], [(7, 50)]),
    "does both, and is one": ([Process(7, 100)], [Process(7, 120)], [(7, 120)]),
    "does both, and computes with more": ([Process(7, 120)], [Process(7, 100)], [(7, 120)]),
    "does both, and one is not told": ([Process(7, 120)], [Process(7, None)], [(7, 120)]),
    "two": ([Process(9, 1)], [Process(7, 2)], [(7, 2), (9, 1)]),
    "the driver does not tell how much": ([Process(7, None)], [], [(7, None)]),
    "one query is not supported": (FakeNvml.NVML_ERROR_NOT_SUPPORTED, [Process(7, 50)], [(7, 50)]),
}


@pytest.mark.parametrize(
    ("computing", "drawing", "expected"), PROCESSES.values(), ids=PROCESSES.keys()
)
def test_the_processes_that_use_the_memory(
    computing: list[Process] | int,
    drawing: list[Process] | int,
    expected: list[tuple[int, int | None]],
) -> None:
    device = Device(computing=computing, drawing=drawing)
    (one,) = probe(FakeNvml(device, names={7: "/usr/bin/python3"})).gpus
    assert [(process.pid, process.used) for process in one.processes] == expected


def test_processes_have_names_if_the_driver_reports_them() -> None:
    device = Device(computing=[Process(7, 1), Process(8, 1)])
    (one,) = probe(FakeNvml(device, names={7: "/usr/bin/python3"})).gpus
    assert one.processes == (
        GpuProcess(pid=7, name="/usr/bin/python3", used=1),
        GpuProcess(pid=8, name="", used=1),
    )


@pytest.mark.parametrize(
    ("programs", "toolkit"),
    [
        ((), None),
        (("nvidia-ctk",), "nvidia-ctk"),
        (("nvidia-ctk", "nvidia-container-runtime-hook"), "nvidia-container-runtime-hook"),
    ],
)
def test_the_container_toolkit_is_found_on_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: tuple[str, ...], toolkit: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for program in programs:
        (tmp_path / program).touch(0o755)
    assert probe(FakeNvml()).toolkit == (str(tmp_path / toolkit) if toolkit else None)


def test_cdi_files_are_listed(tmp_path: Path) -> None:
    for name in ("etc/cdi/nvidia.yaml", "var/run/cdi/nvidia.json", "etc/cdi/vendor.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = probe(FakeNvml(), tmp_path).cdi_files
    assert [Path(name).name for name in found] == ["nvidia.yaml", "nvidia.json"]


@pytest.mark.parametrize("value", [None, "", "0,1"])
def test_hidden_devices_are_reported(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert probe(FakeNvml()).visible_devices == value


def test_the_stand_ins_error_is_like_the_real_one() -> None:
    from pynvml import NVMLError as RealError

    assert vars(RealError(9))["value"] == NVMLError(9).value
