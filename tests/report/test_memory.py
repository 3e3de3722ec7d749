"""The predicted memory of a run is that of its own start."""

from typing import Any

from qca.memory.budget import estimate
from qca.memory.context import NCCL_CONTEXT
from qca.report.memory import predict_memory
from qca.runs.run import Run, read_run
from tests.support.machines import GPU, OLD_GPU
from tests.support.run_folders import record, start_event, write_run


def context(run: Run) -> int:
    need = predict_memory(run)
    assert need is not None
    return need.context_bytes


def test_the_prediction_for_several_gpus_includes_nccl(tmp_path):
    cuda = {"device": "cuda", "recompute": "step"}
    alone = read_run(write_run(tmp_path / "one", [record(1)], events=[start_event()], **cuda))
    last = start_event(2, processes=2)
    both = read_run(write_run(tmp_path / "two", [record(1)], events=[start_event(), last], **cuda))

    assert (alone.processes, both.processes) == (1, 2)
    assert context(both) == context(alone) + NCCL_CONTEXT


def test_nothing_is_predicted_while_the_plan_is_not_decided(tmp_path):
    run = read_run(write_run(tmp_path / "one", [record(1)], recompute="auto"))

    assert predict_memory(run) is None


def test_the_prediction_is_that_of_the_runs_start(tmp_path):
    """Neither a measurement of this Python nor the built-in figure changes the prediction."""
    started = start_event(predicted_context_bytes=500 * 2**20)
    run = read_run(write_run(tmp_path / "one", [record(1)], events=[started]))

    assert context(run) == 500 * 2**20


def test_the_prediction_is_that_of_the_runs_gpu(tmp_path):
    """A GPU that cannot run the kernels needs less; only its recorded prediction shows which."""
    cuda: dict[str, Any] = {"device": "cuda", "recompute": "step"}
    train = read_run(write_run(tmp_path / "first", [record(1)], **cuda)).config
    for name, fused in (("new", True), ("old", False)):
        peak = estimate(
            train, recompute="step", machine=GPU if fused else OLD_GPU
        ).predicted_peak_bytes
        started = start_event(predicted_peak_bytes=peak)
        need = predict_memory(
            read_run(write_run(tmp_path / name, [record(1)], events=[started], **cuda))
        )
        assert need is not None
        assert need.predicted_peak_bytes == peak
