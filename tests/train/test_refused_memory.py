"""After running out of memory, the episode is repeated with a cheaper strategy."""

import pytest
import torch

from qca.core.errors import PlanError
from qca.memory.budget import estimate
from qca.memory.choose import find_next_cheaper
from qca.runs.events import PlanChanged
from qca.runs.journal import read_journal
from qca.train import memory as memory_module
from qca.train import memory_refusal
from qca.train import trainer as trainer_module
from qca.train.memory_refusal import rebuild_with_cheaper_strategy
from qca.train.trainer import Trainer
from qca.train.weights import build_model
from tests.support.machines import CPU, GPU, OLD_GPU
from tests.support.training import list_kinds, read_learned, read_newest, run, small

REFUSALS = {
    "CUDA": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    "torch on a CPU": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    "Python": MemoryError(),
}


@pytest.fixture
def refusing(monkeypatch):
    """Return a function that makes the allocator refuse memory under the given plans."""
    true = Trainer.compute_gradients

    def refuse(plans: set[str], episode: int = 3, refusal: Exception = REFUSALS["CUDA"]) -> None:
        def compute_gradients(self, on_step):
            if self.config.recompute in plans and self.episodes + 1 == episode:
                # Like a real error, this occurs halfway, after adding the gradients of some steps.
                true(self, on_step)
                raise refusal
            return true(self, on_step)

        monkeypatch.setattr(Trainer, "compute_gradients", compute_gradients)

    return refuse


# The small model's optimizer would need more than the states: on a CPU only the plans differ.
LONG = {"steps": 40, "episodes": 4, "checkpoint_every": 100}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_the_episode_is_repeated_with_the_next_plan_and_the_run_continues(
    tmp_path, refusing, refusal
):
    config = small(recompute="none", **LONG)
    run(config, tmp_path / "whole")
    refusing({"none"}, refusal=refusal)
    events = run(config, tmp_path / "refused")
    assert list_kinds(events) == [
        *("started", "episode", "episode", "plan-changed", "episode", "episode"),
        *("checkpoint", "finished"),
    ]
    (changed,) = [event for event in events if isinstance(event, PlanChanged)]
    assert (changed.episode, changed.recompute) == (3, "step")
    step = config.override(recompute="step")
    found = estimate(step, recompute="step", machine=CPU)
    assert changed.predicted_peak_bytes == found.predicted_peak_bytes
    # `none` and `step` agree to the last bit, so the two runs cannot be distinguished.
    assert read_learned(tmp_path / "whole") == read_learned(tmp_path / "refused")
    one, other = read_newest(tmp_path / "whole"), read_newest(tmp_path / "refused")
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


def test_a_resumed_run_starts_with_the_plan_that_worked(tmp_path, refusing):
    config = small(recompute="none", **LONG)
    refusing({"none"})
    run(config, tmp_path)
    assert '"recompute": "step"' in (tmp_path / "config.json").read_text()


def test_without_a_cheaper_plan_it_ends_with_the_numbers_and_the_holder(
    tmp_path, refusing, monkeypatch
):
    refusing({"none", "step", "two-level"})
    monkeypatch.setattr(
        memory_refusal,
        "describe_memory_holders",
        lambda device: "; the GPU's memory is held by process 7 (2 GiB)",
    )
    with pytest.raises(PlanError) as raised:
        run(small(recompute="none", **LONG), tmp_path)
    for message in (
        "out of memory in an episode with recompute=two-level, optimizer_state=device",
        "Tried to allocate 20.00 MiB",
        "the predicted peak was",
        "held by process 7 (2 GiB)",
    ):
        assert message in raised.value.message
    assert "smaller batch" in raised.value.hint
    assert [r["episode"] for r in read_learned(tmp_path)] == [1, 2]


def test_after_three_other_plans_it_gives_up(tmp_path, refusing, monkeypatch):
    """A GPU has more than three strategies."""
    monkeypatch.setattr(
        memory_refusal,
        "find_next_cheaper",
        lambda config, machine: find_next_cheaper(config, GPU),
    )
    refusing({"none", "step", "two-level", "host"})
    with pytest.raises(PlanError, match="out of memory in an episode"):
        run(small(recompute="none", **LONG), tmp_path)
    kinds = [entry.event.event for entry in read_journal(tmp_path / "events.jsonl")]
    assert kinds.count("plan-changed") == 3


def test_a_gpu_without_kernels_is_known_before_its_first_episode(monkeypatch):
    """Capturing the graphs can run out of memory, too."""

    def build_on_cpu(config):
        model = build_model(config)
        model.to = lambda *_, **__: model
        return model

    monkeypatch.setattr(trainer_module, "build_model", build_on_cpu)
    monkeypatch.setattr(trainer_module, "find_obstacle", lambda device: "no compiler")
    trainer = Trainer(small(recompute="none"), torch.device("cuda"))
    rebuilt = rebuild_with_cheaper_strategy(trainer)
    assert rebuilt is not None
    config, needs = rebuilt[0].config, rebuilt[1]
    assert needs == estimate(config, recompute=needs.recompute, machine=OLD_GPU)
    assert needs != estimate(config, recompute=needs.recompute, machine=GPU)


def test_other_errors_are_raised(tmp_path, refusing):
    refusing({"none"}, refusal=RuntimeError("CUDA error: an illegal memory access"))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        run(small(recompute="none", **LONG), tmp_path)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ([], ""),
        ([(7, 2**31)], "; the GPU's memory is held by process 7 (2 GiB)"),
        (
            [(7, 2**31), (8, 2**20)],
            "; the GPU's memory is held by process 7 (2 GiB), process 8 (1 MiB)",
        ),
    ],
)
def test_the_holders_are_named_with_their_memory(held, message, monkeypatch):
    monkeypatch.setattr(memory_module, "list_gpu_memory_holders", lambda: held)
    assert memory_module.describe_memory_holders(torch.device("cuda", 0)) == message
    assert memory_module.describe_memory_holders(torch.device("cpu")) == ""
