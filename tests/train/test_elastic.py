"""Two processes train one model with gloo on this CPU, started from the command line."""

import signal
from pathlib import Path

import psutil
import pytest
import torch

from tests.support.distributed_training import (
    FLAGS,
    SECONDS,
    command,
    find_workers,
    load_records,
    read_notes,
    read_stderr,
    start,
    wait_while_running,
)
from tests.support.forks import Forked
from tests.support.ports import find_free_port
from tests.support.training import read_newest


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A run of two processes from start to end."""
    folder = tmp_path_factory.mktemp("two") / "runs"
    process = start(folder, "--processes=2", episodes=40)
    assert process.wait(SECONDS) == 0, read_stderr(folder)
    return folder


def test_two_processes_train_as_one_does_with_the_combined_batch(undisturbed, tmp_path):
    Forked(tmp_path)(*command(tmp_path / "runs", "--batch-size=2", episodes=40), timeout=SECONDS)
    one, two = load_records(tmp_path / "runs"), load_records(undisturbed)
    assert [r.episode for r in two] == list(range(1, 41))
    # The samples are the same, but sums over the batch have another order.
    for a, b in zip(one[:10], two[:10], strict=True):
        assert b.loss == pytest.approx(a.loss, rel=1e-5)
        assert b.gradient_norm == pytest.approx(a.gradient_norm, rel=1e-3)
    saved = read_newest(tmp_path / "runs/first").tensors, read_newest(undisturbed / "first").tensors
    for name, tensor in saved[0].items():
        torch.testing.assert_close(saved[1][name], tensor, rtol=0.02, atol=1e-3)


def test_if_one_process_is_lost_all_resume_automatically(undisturbed, tmp_path):
    folder = tmp_path / "runs"
    process = start(folder, "--processes=2", episodes=40)
    wait_while_running(lambda: len(load_records(folder)) > 7, process)
    find_workers(process)[-1].kill()
    assert process.wait(SECONDS) == 0, read_stderr(folder)
    assert [r.loss for r in load_records(folder)] == [r.loss for r in load_records(undisturbed)]
    one, other = read_newest(folder / "first").tensors, read_newest(undisturbed / "first").tensors
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 0), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)],
)
def test_a_stop_ends_all_processes_with_one_checkpoint(tmp_path, number, status):
    folder = tmp_path / "runs"
    process = start(folder, "--processes=2", episodes=10**6)
    wait_while_running(lambda: len(load_records(folder)) > 2, process)
    process.send_signal(number)
    assert process.wait(SECONDS) == status, read_stderr(folder)
    assert read_newest(folder / "first").episode == load_records(folder)[-1].episode
    assert "Traceback" not in read_stderr(folder)


def test_an_early_stop_ends_the_processes_as_soon_as_possible(tmp_path):
    folder = tmp_path / "runs"
    process = start(folder, "--processes=2", episodes=10**6)
    wait_while_running(lambda: len(find_workers(process)) == 2, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0, read_stderr(folder)
    assert "exitcode" not in read_stderr(folder)


def test_resuming_with_another_number_reports_the_new_batch_once(tmp_path):
    folder = tmp_path / "runs"
    how = {"batch-size": 3, "progress": "auto"}
    assert start(folder, "--processes=2", episodes=3, **how).wait(SECONDS) == 0, read_stderr(folder)
    assert "combined batch" not in read_stderr(folder)
    assert read_newest(folder / "first").processes == 2

    message = (
        "the combined batch was 6 and is now 3: 2 processes trained up to the checkpoint, and "
        "1 now trains, with batch_size=3 each"
    )
    assert start(folder, "--resume", episodes=4, **how).wait(SECONDS) == 0, read_stderr(folder)
    assert read_stderr(folder).count(f"Note: {message}.") == 1
    assert read_notes(folder) == [message]
    assert read_newest(folder / "first").processes == 1  # so that it is not repeated


@pytest.mark.slow
def test_they_do_not_outlive_the_launcher(tmp_path):
    folder = tmp_path / "runs"
    process = start(folder, "--processes=2", episodes=10**6)
    wait_while_running(lambda: len(load_records(folder)) > 2, process)
    left = find_workers(process)
    process.kill()
    gone, alive = psutil.wait_procs(left, SECONDS)
    assert not alive
    assert len(gone) == 2


@pytest.mark.slow
def test_two_machines_connect_to_an_endpoint(tmp_path):
    """Simulate two machines with a shared folder by two processes."""
    folder, where = tmp_path / "runs", f"--rdzv-endpoint=127.0.0.1:{find_free_port()}"
    nodes = [start(folder, "--nnodes=2", where, episodes=10, **FLAGS) for _ in range(2)]
    assert [node.wait(SECONDS) for node in nodes] == [0, 0], read_stderr(folder)
    assert [r.episode for r in load_records(folder)] == list(range(1, 11))


def test_an_existing_run_is_refused_once_and_not_by_each_process(undisturbed):
    process = start(undisturbed, "--processes=2", episodes=40)
    assert process.wait(SECONDS) == 2
    assert read_stderr(undisturbed).count("has been started already") == 1


@pytest.mark.slow
def test_an_error_in_each_process_has_its_own_message(tmp_path):
    folder = tmp_path / "runs"
    (tmp_path / "weights").write_text("none")
    process = start(folder, "--processes=2", f"--init={tmp_path / 'weights'}", episodes=3)
    assert process.wait(SECONDS) == 1
    assert "cannot read weights" in read_stderr(folder)
    assert "after 3 restarts" in read_stderr(folder)
    assert "Traceback" not in read_stderr(folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--nnodes=2"], "--nnodes needs --rdzv-endpoint"),
        (["--processes=0"], "--processes"),
    ],
)
def test_a_wrong_call_is_a_usage_error(tmp_path, words, message):
    process = start(tmp_path / "runs", *words, episodes=1)
    assert process.wait(SECONDS) == 2
    assert message in read_stderr(tmp_path / "runs")
