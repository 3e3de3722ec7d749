import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from qca.core import noise_schedule
from qca.core.config import TrainConfig
from qca.core.errors import CheckpointError, InputError, LaunchError, QcaError
from qca.runs import run_folder as run_folder_module
from qca.runs.checkpoint_files import list_checkpoints
from qca.runs.events import CheckpointWritten, ConfigChanged, Finished, Started
from qca.runs.metrics_log import read_records
from qca.runs.resume_rules import RECORDED, UNRECORDED
from qca.runs.run_folder import RunFolder
from qca.runs.saved_config import read_config
from qca.train import recorder
from qca.train import trainer as trainer_module
from qca.train.plateau import Plateau
from qca.train.step_result import StepResult
from qca.train.trainer import Trainer
from qca.train.weights import build_model
from tests.support.full_disk import limit_file_size
from tests.support.training import (
    StopAfter,
    list_kinds,
    read_learned,
    read_newest,
    run,
    run_episode,
    select_changes,
    select_records,
    small,
)


def _assert_same_training(one: Path, other: Path) -> None:
    a, b = read_newest(one), read_newest(other)
    assert (a.episode, a.plateau) == (b.episode, b.plateau)
    assert a.tensors.keys() == b.tensors.keys()
    assert [name for name in a.tensors if not torch.equal(a.tensors[name], b.tensors[name])] == []
    assert read_learned(one) == read_learned(other)


def test_a_run_from_start_to_end(tmp_path):
    events = run(small(), tmp_path / "run")
    assert list_kinds(events) == [
        "started",
        *("episode", "episode", "checkpoint") * 3,
        "finished",
    ]
    first, last = events[0], events[-1]
    assert isinstance(first, Started)
    assert (first.first_episode, first.episodes, first.warnings) == (1, 6, ())
    assert first.parameters == sum(p.numel() for p in build_model(small()).parameters())
    assert last == Finished(reason="complete", episodes=6)
    assert read_records(tmp_path / "run/metrics.jsonl") == select_records(events)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        *("checkpoints", "config.json", "events.jsonl", "heartbeat", "lock", "metrics.jsonl"),
        *("states.safetensors", "tensorboard"),
    ]
    assert json.loads((tmp_path / "run/config.json").read_text()) == asdict(small())


def test_a_record_has_the_numbers_of_its_episode(tmp_path):
    record = select_records(run(small(episodes=1), tmp_path))[0]
    weighed = {"survival": 10, "symmetry": 5, "complexity": 1}
    total = sum(weighed[name] * value for name, value in record.components.items())
    assert record.loss == pytest.approx(total, rel=1e-5)
    assert record.gradient_norm > 0.01
    assert record.steps_per_second == pytest.approx(4 / record.seconds)
    assert record.memory_bytes > 100 * 2**20  # torch alone takes more
    assert record.learning_rate == 1e-2


def test_the_loss_decreases(tmp_path):
    losses = [r.loss for r in select_records(run(small(episodes=40, loss="structure"), tmp_path))]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_the_last_episode_has_a_checkpoint_although_it_is_not_due(tmp_path):
    run(small(episodes=3), tmp_path)
    assert read_newest(tmp_path).episode == 3


# Checks of `stop`: one before each episode, and one after each of its 4 steps forward and 4
# backward.
@pytest.mark.parametrize(
    ("looks", "whole"), [(0, 0), (3, 0), (9, 1), (14, 1), (26, 2), (33, 3), (47, 5)]
)
@pytest.mark.parametrize("recompute", ["none", "step"])
def test_a_stopped_run_resumes_as_if_it_had_never_stopped(
    tmp_path, monkeypatch, looks, whole, recompute
):
    monkeypatch.setattr(noise_schedule, "CURRICULUM_EPISODES", 3)
    config = small(recompute=recompute)
    run(config, tmp_path / "whole")
    stopped = run(config, tmp_path / "stopped", stop=StopAfter(looks))
    assert stopped[-1] == Finished(reason="stopped", episodes=whole)
    assert read_newest(tmp_path / "stopped").episode == whole
    events = run(config, tmp_path / "stopped", resume=True)
    assert isinstance(events[0], Started)
    assert events[0].first_episode == whole + 1
    _assert_same_training(tmp_path / "whole", tmp_path / "stopped")


def test_no_checkpoint_is_written_twice(tmp_path):
    events = run(small(), tmp_path, stop=StopAfter(20))
    written = [e.episode for e in events if isinstance(e, CheckpointWritten)]
    assert written == [2]


def test_episodes_after_the_checkpoint_are_repeated(tmp_path):
    """The state after a kill: metrics up to 3, the newest checkpoint 2, a truncated last line."""
    run(small(), tmp_path / "whole")
    run(small(episodes=3), tmp_path / "killed")
    (tmp_path / "killed/checkpoints/episode-00000003.safetensors").unlink()
    with (tmp_path / "killed/metrics.jsonl").open("a") as file:
        file.write('{"event":"episode","epi')
    run(small(), tmp_path / "killed", resume=True)
    _assert_same_training(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize(("made", "until"), [(2, None), (3, 3), (5, 5)])
def test_repeated_episodes_are_reported(tmp_path, made, until):
    """The newest remaining checkpoint is of episode 2."""
    run(small(episodes=made), tmp_path)
    for episode, path in list_checkpoints(tmp_path / "checkpoints"):
        if episode > 2:
            path.unlink()
    started = run(small(), tmp_path, resume=True)[0]
    assert isinstance(started, Started)
    assert (started.first_episode, started.made_again_until) == (3, until)


def test_a_killed_run_resumes_as_if_it_had_never_stopped(tmp_path):
    config = small(episodes=15, checkpoint_every=1)
    code = (
        "import json, sys, torch, pathlib; torch.set_num_threads(1)\n"
        "from tests.support.training import run, SMALL\n"
        "from qca.core.config import TrainConfig\n"
        "run(TrainConfig(**json.loads(sys.argv[1])), pathlib.Path(sys.argv[2]))"
    )
    killed = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", code, json.dumps(asdict(config)), str(killed)])
    while len(list_checkpoints(killed / "checkpoints")) < 3:
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    first = run(config, killed, resume=True)[0]
    assert isinstance(first, Started)
    assert first.first_episode > 3
    run(config, tmp_path / "whole")
    _assert_same_training(tmp_path / "whole", killed)
    assert not list(killed.rglob("*unfinished"))


def test_a_damaged_checkpoint_is_skipped_with_a_warning(tmp_path):
    run(small(), tmp_path / "whole")
    run(small(episodes=4), tmp_path / "damaged")
    bad = tmp_path / "damaged/checkpoints/episode-00000004.safetensors"
    bad.write_bytes(bad.read_bytes()[:-1])
    first = run(small(), tmp_path / "damaged", resume=True)[0]
    assert isinstance(first, Started)
    assert first.first_episode == 3
    assert "episode-00000004" in first.warnings[0]
    _assert_same_training(tmp_path / "whole", tmp_path / "damaged")


def test_a_complete_run_ends_immediately(tmp_path):
    run(small(), tmp_path)
    assert run(small(), tmp_path, resume=True) == [Finished(reason="already-complete", episodes=6)]


def test_a_complete_run_can_be_extended(tmp_path):
    run(small(), tmp_path / "whole")
    run(small(episodes=3), tmp_path / "longer")
    run(small(), tmp_path / "longer", resume=True)
    _assert_same_training(tmp_path / "whole", tmp_path / "longer")


def test_ending_a_run_at_its_checkpoint_is_recorded_once(tmp_path):
    run(small(), tmp_path, stop=StopAfter(20))
    trained = read_newest(tmp_path).episode
    assert 0 < trained < 6

    events = run(small(episodes=trained), tmp_path, resume=True)

    change = ConfigChanged(episode=trained + 1, before={"episodes": 6}, now={"episodes": trained})
    end = Finished(reason="already-complete", episodes=trained)
    assert events == [change, end]
    assert run(small(episodes=trained), tmp_path, resume=True) == [end]


def test_an_unfinished_run_cannot_end_before_its_checkpoint(tmp_path):
    run(small(), tmp_path, stop=StopAfter(20))
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(InputError, match="so episodes 1 is too few"):
        run(small(episodes=1), tmp_path, resume=True)
    assert (tmp_path / "config.json").read_text() == before


def test_fewer_episodes_do_not_change_the_record_of_a_complete_run(tmp_path):
    run(small(episodes=3), tmp_path)
    events = run(small(episodes=2), tmp_path, resume=True)
    assert events == [Finished(reason="already-complete", episodes=3)]
    assert read_config(tmp_path / "config.json").episodes == 3


def test_resume_starts_a_new_run_if_there_is_none(tmp_path):
    assert run(small(episodes=1), tmp_path / "new", resume=True)[-1] == Finished(
        reason="complete", episodes=1
    )


def test_a_run_is_not_started_twice(tmp_path):
    run(small(episodes=1), tmp_path)
    with pytest.raises(InputError, match="has been started already") as raised:
        run(small(episodes=1), tmp_path)
    assert "--resume" in raised.value.hint


FIXED = {
    "seed": 1,
    "grid": 12,
    "d_state": 3,
    "hidden_channels": 8,
    "steps": 5,
    "update": "unitary",
    "gamma": 0.5,
    "batch_size": 2,
    "precision": "bf16",
}


@pytest.mark.parametrize(("key", "value"), FIXED.items())
def test_another_configuration_is_refused_by_key_and_both_values(tmp_path, key, value):
    run(small(episodes=1), tmp_path)
    before = getattr(small(), key)
    with pytest.raises(InputError, match=f"{key} was {before!r}.*now {value!r}"):
        run(small(**{key: value}), tmp_path, resume=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "not a JSON object"),
        ("{", "cannot be read"),
        ('{"grid": 8, "magic": 1}', "unknown key 'magic'.*another version"),
    ],
)
def test_an_invalid_configuration_is_refused(tmp_path, content, message):
    run(small(episodes=1), tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=rf"config\.json: .*{message}"):
        run(small(), tmp_path, resume=True)
    assert (tmp_path / "config.json").read_text() == content


def test_the_best_checkpoint_is_named_and_kept(tmp_path, monkeypatch):
    losses = iter([3.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0])
    describe = recorder.describe_episode
    monkeypatch.setattr(
        recorder,
        "describe_episode",
        lambda *given: describe(*given).model_copy(update={"loss": next(losses)}),
    )
    config = small(episodes=7, checkpoint_every=1, keep_checkpoints=2)
    events = run(config, tmp_path)
    written = [event for event in events if isinstance(event, CheckpointWritten)]
    assert [event.best_episode for event in written] == [1, 2, 3, 3, 3, 3, 3]
    assert [event.loss for event in written[:3]] == [3.0, 2.0, pytest.approx(5 / 3)]
    assert [n for n, _ in list_checkpoints(tmp_path / "checkpoints")] == [3, 6, 7]


def test_lost_lines_are_reported(tmp_path):
    run(small(episodes=4), tmp_path)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "metrics.jsonl").write_text("".join(lines[:1] + lines[2:]))
    started = run(small(), tmp_path, resume=True)[0]
    assert isinstance(started, Started)
    [warning] = started.warnings
    assert "metrics.jsonl has 3 of the " in warning
    assert [r.episode for r in read_records(tmp_path / "metrics.jsonl")] == [1, 3, 4, 5, 6]


def test_every_key_is_either_fixed_or_changeable():
    assert {*FIXED, *RECORDED, *UNRECORDED} == set(asdict(small()))


def test_a_smaller_learning_rate_can_be_set_and_keeps_its_halvings(tmp_path):
    run(small(episodes=2), tmp_path)
    last = select_records(run(small(episodes=3, learning_rate=1e-3), tmp_path, resume=True))
    assert [r.learning_rate for r in last] == [1e-3]


def test_a_change_on_resume_is_an_event_reported_once(tmp_path):
    run(small(episodes=2), tmp_path)
    changed = small(episodes=3, learning_rate=1e-3, loss="structure")
    [event] = select_changes(run(changed, tmp_path, resume=True))
    assert event == ConfigChanged(
        episode=3,
        before={"episodes": 2, "learning_rate": 1e-2, "loss": "evolutionary"},
        now={"episodes": 3, "learning_rate": 1e-3, "loss": "structure"},
    )
    again = changed.override(episodes=4)
    [event] = select_changes(run(again, tmp_path, resume=True))
    assert event.now == {"episodes": 4}
    assert read_newest(tmp_path).config["loss"] == "structure"


def test_another_loss_starts_without_a_best_one(tmp_path):
    run(small(episodes=2), tmp_path)
    first = read_newest(tmp_path)
    trainer = Trainer(small(loss="structure"), torch.device("cpu"))
    trainer.restore(replace(first, plateau=Plateau(best=-100.0, stalled=9, halvings=1)))
    assert trainer.plateau == Plateau(halvings=1)


@pytest.mark.parametrize(
    ("key", "value"), [("learning_rate", 1e-3), ("loss", "structure"), ("keep_checkpoints", 9)]
)
def test_a_value_without_effect_on_a_complete_run_is_refused(tmp_path, key, value):
    run(small(episodes=1), tmp_path)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(InputError, match=f"is complete, so {key} .* has no effect") as refused:
        run(small(episodes=1, **{key: value}), tmp_path, resume=True)
    assert "--episodes" in refused.value.hint
    assert (tmp_path / "config.json").read_text() == before


def test_a_complete_run_keeps_its_configuration(tmp_path):
    """A default value does not count as a change."""
    run(small(episodes=1), tmp_path)
    given = asdict(small(episodes=1))
    del given["learning_rate"]
    run(TrainConfig(**given), tmp_path, resume=True)
    assert read_config(tmp_path / "config.json").learning_rate == small().learning_rate


def test_two_trainers_do_not_share_a_run(tmp_path):
    with RunFolder(tmp_path).hold(), pytest.raises(LaunchError, match=f"process {os.getpid()} on"):
        run(small(), tmp_path)


def test_a_lock_file_that_no_process_holds_has_no_effect(tmp_path):
    (tmp_path / "lock").write_text("process 1 on elsewhere, long gone")
    assert list_kinds(run(small(episodes=1), tmp_path))[-1] == "finished"


def test_a_lock_that_its_holder_has_just_removed_protects_nothing(tmp_path, monkeypatch):
    """Remove the file after the second trainer opened it, as a first one does that ends."""
    true = run_folder_module.lock_exclusively

    def remove_and_lock(lock):
        (tmp_path / "lock").unlink()
        true(lock)

    monkeypatch.setattr(run_folder_module, "lock_exclusively", remove_and_lock)
    with pytest.raises(LaunchError, match="which is ending"):
        run(small(episodes=1), tmp_path)


def test_three_consecutive_non_finite_episodes_end_training_and_save_nothing_bad(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(trainer_module, "draw_initial_state", _poison_from(3))
    with pytest.raises(QcaError, match="episode 6: the loss is nan, as in the 2 episodes before"):
        run(small(episodes=9), tmp_path)
    assert read_newest(tmp_path).episode == 4
    assert all(t.isfinite().all() for t in read_newest(tmp_path).tensors.values())
    assert [r.episode for r in read_records(tmp_path / "metrics.jsonl")] == [1, 2, 3]


def _poison_from(sample: int):
    true = trainer_module.draw_initial_state

    def draw_initial_state(seed, samples, **shape):
        psi = true(seed, samples, **shape)
        return psi * float("nan") if samples[0] >= sample else psi

    return draw_initial_state


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path):
    run(small(episodes=2), tmp_path)
    with limit_file_size(2**15), pytest.raises(CheckpointError, match="cannot write the"):
        run(small(), tmp_path, resume=True)
    assert read_newest(tmp_path).episode == 2
    run(small(), tmp_path, resume=True)
    assert read_newest(tmp_path).episode == 6


def test_a_run_folder_that_cannot_be_created_is_a_checkpoint_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot write the"):
        run(small(), tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_folder_is_a_checkpoint_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(CheckpointError, match="Permission denied"):
        run(small(), tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_missing_cuda_is_reported_before_anything_is_created(tmp_path):
    with pytest.raises(LaunchError, match="no usable CUDA device"):
        run(small(device="cuda"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_constant_term_is_reported_once_at_the_start(tmp_path):
    events = run(small(update="unitary", gamma=0.0, episodes=2), tmp_path)
    assert isinstance(events[0], Started)
    (warning,) = events[0].warnings
    assert "survival cannot change" in warning


@pytest.mark.parametrize("batch", [1, 2])
def test_samples_are_numbered_across_the_run(tmp_path, monkeypatch, batch):
    asked: list[int] = []
    true = trainer_module.draw_initial_state

    def draw_initial_state(seed, samples, **shape):
        asked.extend(samples)
        return true(seed, samples, **shape)

    monkeypatch.setattr(trainer_module, "draw_initial_state", draw_initial_state)
    run(small(episodes=3, batch_size=batch), tmp_path)
    assert asked == list(range(3 * batch))


def test_noise_follows_the_curriculum(tmp_path, monkeypatch):
    monkeypatch.setattr(noise_schedule, "CURRICULUM_EPISODES", 2)
    noisy = select_records(run(small(episodes=3), tmp_path / "noisy"))
    quiet = select_records(run(small(episodes=3, max_noise=0.0), tmp_path / "quiet"))
    assert [r.noise_rate for r in noisy] == [0.0, 0.5, 1.0]
    assert [a.loss == b.loss for a, b in zip(noisy, quiet, strict=True)] == [True, False, False]


def test_weights_are_those_of_the_seed():
    one, same, other = (build_model(small(seed=seed)).outc.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_gradient_is_clipped_at_norm_1():
    trainer = Trainer(small(loss="mse_energy"), torch.device("cpu"))
    learned = run_episode(trainer)
    assert isinstance(learned, StepResult)
    gradients = [p.grad for p in trainer.model.parameters() if p.grad is not None]
    assert learned.gradient_norm > 2
    assert torch.nn.utils.get_total_norm(gradients).item() == pytest.approx(1)


def test_a_checkpoint_of_another_architecture_names_the_shape_that_differs(tmp_path):
    run(small(episodes=1), tmp_path)
    wider = Trainer(small(hidden_channels=8), torch.device("cpu"))
    with pytest.raises(CheckpointError, match=r"bot\.conv_block\.0\.weight is \(32, 16, 3, 3\)"):
        wider.restore(read_newest(tmp_path))
