"""QCA402 beyond a single GPU: processes that use its memory, MIG slices, several GPUs."""

from dataclasses import replace

import pytest

from infra.doctor.finding import Finding, Severity
from infra.host.facts import Gpu, MigDevice
from qca.core.units import GIB, MIB
from tests.support.hosts import driver, gpu, host, one, process

CUDA = {"device": "cuda"}


def _judge_memory(*gpus: Gpu, stack: dict | None = None, **changes: object) -> Finding:
    return one(host(gpu=driver(*gpus, **changes)), "QCA402", stack=stack, train=CUDA)


def _slice(free: int, name: str = "1g.10gb") -> MigDevice:
    return MigDevice(name=name, uuid=f"MIG-{name}", memory_total=10 * GIB, memory_free=free)


def _commands(finding: Finding) -> list[str]:
    return [command for remedy in finding.remedies for command in remedy.commands]


@pytest.mark.parametrize(
    "name",
    ["/usr/lib/xorg/Xorg", "/usr/bin/Xwayland", "gnome-shell", "/usr/bin/kwin_wayland", "sway"],
)
def test_the_desktop_is_never_stopped(name):
    holders = (process(name, 900, 300 * MIB), process("python3", 4242, 3 * GIB))

    finding = _judge_memory(gpu(memory_free=100 * MIB, processes=holders))

    assert "kill 4242" in _commands(finding)
    assert "kill 900" not in _commands(finding)
    assert f"{name.rpartition('/')[2]} (pid 900, 300 MiB, part of the desktop)" in finding.message


def test_as_few_processes_as_possible_are_stopped():
    holders = (
        process("small", 1, 200 * MIB),
        process("large", 2, 3 * GIB),
        process("tiny", 3, MIB),
    )

    finding = _judge_memory(gpu(memory_free=100 * MIB, processes=holders))

    assert [c for c in _commands(finding) if c.startswith("kill")] == ["kill 2"]
    assert "small" in finding.message
    assert "tiny" not in finding.message


def test_a_slice_is_the_budget():
    roomy = _judge_memory(gpu(mig=True, mig_devices=(_slice(9 * GIB), _slice(9 * GIB))))
    uneven = _judge_memory(gpu(mig=True, mig_devices=(_slice(9 * GIB), _slice(8 * GIB))))
    small = _judge_memory(gpu(mig=True, memory_free=70 * GIB, mig_devices=(_slice(300 * MIB),)))

    assert roomy.severity is Severity.OK
    assert "2 x 1g.10gb (9 GiB free of 10 GiB)" in roomy.message
    assert "has at least 8 GiB free" in uneven.message
    assert small.severity is Severity.ERROR
    assert "300 MiB free" in small.message


def test_only_some_slices_have_enough_memory():
    finding = _judge_memory(gpu(mig=True, mig_devices=(_slice(MIB, "a"), _slice(9 * GIB, "b"))))

    assert finding.severity is Severity.WARNING
    assert "CUDA_VISIBLE_DEVICES=MIG-b qca up --runtime local" in _commands(finding)


def test_mig_mode_without_a_slice_has_no_gpu():
    finding = _judge_memory(gpu(mig=True, memory_free=70 * GIB))

    assert finding.severity is Severity.ERROR
    assert "sudo nvidia-smi -i 0 -mig 0" in _commands(finding)


def test_a_container_gets_the_first_gpu_which_is_checked():
    full, empty = gpu(memory_free=MIB), gpu(index=1, uuid="GPU-1", memory_free=3600 * MIB)

    finding = _judge_memory(full, empty)

    assert finding.severity is Severity.ERROR
    assert finding.evidence["gpu"] == 0
    assert "CUDA_VISIBLE_DEVICES=1 qca up --runtime local" in _commands(finding)
    assert _judge_memory(replace(empty, index=0), full).severity is Severity.OK


@pytest.mark.parametrize("visible", ["1", "1,0", "GPU-1", "GPU-1,"])
def test_a_local_run_gets_the_visible_gpu(visible):
    full, empty = gpu(memory_free=MIB), gpu(index=1, uuid="GPU-1", memory_free=3600 * MIB)

    finding = _judge_memory(full, empty, stack={"runtime": "local"}, visible_devices=visible)

    assert finding.severity is Severity.OK
    assert finding.evidence["gpu"] == 1


def test_each_of_several_gpus_must_have_enough_memory():
    roomy, full = gpu(memory_free=3600 * MIB), gpu(index=1, uuid="GPU-1", memory_free=MIB)
    third = replace(roomy, index=2, uuid="GPU-2")
    two = {"gpus": 2}

    finding = _judge_memory(roomy, full, third, stack=two)

    assert finding.severity is Severity.ERROR
    assert finding.evidence["gpu"] == 1
    assert "CUDA context and NCCL take 1.1 GiB." in finding.message
    assert "CUDA_VISIBLE_DEVICES=0,2 qca up --runtime local" in _commands(finding)
    assert not any(
        "CUDA_VISIBLE" in one for one in _commands(_judge_memory(roomy, full, stack=two))
    )
    assert _judge_memory(roomy, replace(third, index=1), stack=two).severity is Severity.OK


def test_gpus_with_enough_memory_are_offered():
    roomy, full = gpu(memory_free=3600 * MIB), gpu(index=1, uuid="GPU-1", memory_free=MIB)

    finding = _judge_memory(roomy, full, stack={"gpus": "all"})

    assert "CUDA_VISIBLE_DEVICES=0 qca up --runtime local" in _commands(finding)


def test_a_smaller_model_is_offered_only_if_it_fits():
    tight = _judge_memory(gpu(memory_free=100 * MIB))
    assert not [command for command in _commands(tight) if "HIDDEN_CHANNELS" in command]

    roomier = _judge_memory(gpu(memory_free=1100 * MIB))
    assert "QCA_TRAIN_HIDDEN_CHANNELS=64 qca up" in _commands(roomier)


def test_the_cpu_is_offered_with_its_effect_on_the_model():
    (remedy,) = [
        one
        for one in _judge_memory(gpu(memory_free=100 * MIB)).remedies
        if one.commands == ("QCA_TRAIN_DEVICE=cpu qca up",)
    ]

    assert "0.4 million parameters instead of 27.9 million" in remedy.breaks
    assert "--profile default" in remedy.breaks
