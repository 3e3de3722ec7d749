"""Two processes, each with a GPU, train one model with NCCL; skipped without two GPUs."""

import signal
from dataclasses import replace

import pytest
import torch

from qca.core.config import TrainConfig
from qca.memory.budget import estimate
from tests.support.distributed_training import (
    SECONDS,
    WHOLE,
    find_workers,
    load_records,
    measure_gpu_memory,
    read_stderr,
    start,
    wait_while_running,
)
from tests.support.machines import GPU
from tests.support.training import read_newest

GPUS = {"device": "cuda"}

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no two CUDA devices here"),
]


def test_two_gpus_train_as_one_does_with_the_combined_batch(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert start(one, "--batch-size=2", episodes=20, **GPUS).wait(SECONDS) == 0, read_stderr(one)
    assert start(two, "--processes=2", episodes=20, **GPUS).wait(SECONDS) == 0, read_stderr(two)
    for a, b in zip(load_records(one)[:10], load_records(two)[:10], strict=True):
        assert b.loss == pytest.approx(a.loss, rel=1e-5)
        assert b.gradient_norm == pytest.approx(a.gradient_norm, rel=1e-3)
    first, second = read_newest(one / "first").tensors, read_newest(two / "first").tensors
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, rtol=0.02, atol=1e-3)


def test_if_one_process_is_lost_all_resume_from_the_last_checkpoint(tmp_path):
    folder = tmp_path / "runs"
    process = start(folder, "--processes=2", episodes=40, **GPUS)
    wait_while_running(lambda: len(load_records(folder)) > 7, process)
    find_workers(process)[-1].kill()
    assert process.wait(SECONDS) == 0, read_stderr(folder)
    assert [r.episode for r in load_records(folder)] == list(range(1, 41))


def test_a_stop_ends_all_processes_with_one_checkpoint(tmp_path):
    folder = tmp_path / "runs"
    process = start(folder, "--processes=2", episodes=10**6, **GPUS)
    wait_while_running(lambda: len(load_records(folder)) > 2, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0, read_stderr(folder)
    assert read_newest(folder / "first").episode == load_records(folder)[-1].episode


def test_more_processes_than_gpus_are_refused(tmp_path):
    folder = tmp_path / "runs"
    many = torch.cuda.device_count() + 1
    process = start(folder, f"--processes={many}", episodes=1, **GPUS)
    assert process.wait(SECONDS) == 1
    assert "Traceback" not in read_stderr(folder)


@pytest.mark.parametrize("recompute", ["step", "host"])
def test_each_gpu_uses_at_most_the_predicted_memory(tmp_path, recompute):
    """The driver's figure for each process includes tensors, context and NCCL's memory."""
    folder = tmp_path / "runs"
    flags = {**GPUS, **WHOLE, "steps": 20, "recompute": recompute}
    process = start(folder, "--processes=2", episodes=10**6, **flags)
    wait_while_running(lambda: len(load_records(folder)) > 4, process)
    held = measure_gpu_memory(find_workers(process))
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0, read_stderr(folder)
    config = TrainConfig(device="cuda", grid=64, d_state=14, hidden_channels=128, steps=20)
    needs = estimate(config, recompute=recompute, machine=replace(GPU, together=True))
    assert len(held) == 2
    assert max(held) <= needs.total_bytes
