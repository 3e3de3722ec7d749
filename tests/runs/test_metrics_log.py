import json
from pathlib import Path

import pytest

from qca.core.errors import CheckpointError, InputError
from qca.runs.metrics_log import MetricsLog, read_records
from tests.support.run_folders import record


def _write_log(path, *episodes: int) -> None:
    log = MetricsLog(path, keep=0)
    for episode in episodes:
        log.append(record(episode))
    log.close()


def _read_episodes(path) -> list[int]:
    return [r.episode for r in read_records(path)]


def test_a_reader_sees_a_line_as_soon_as_it_is_appended(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, keep=0)
    for episode in (1, 2):
        log.append(record(episode))
        assert _read_episodes(path)[-1] == episode
    assert json.loads(path.read_text().splitlines()[0])["components"] == record(1).components


def test_a_missing_file_has_no_records(tmp_path):
    assert read_records(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize(
    ("keep", "left"), [(0, []), (2, [1, 2]), (4, [1, 2, 3, 4]), (9, [1, 2, 3, 4])]
)
def test_lines_after_the_checkpoint_are_dropped(tmp_path, keep, left):
    path = tmp_path / "metrics.jsonl"
    _write_log(path, 1, 2, 3, 4)
    log = MetricsLog(path, keep=keep)
    assert log.count == len(left)
    log.append(record(len(left) + 1))
    assert _read_episodes(path) == [*left, len(left) + 1]


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_truncated_last_line_is_dropped(tmp_path, cut):
    path = tmp_path / "metrics.jsonl"
    _write_log(path, 1, 2, 3)
    path.write_bytes(path.read_bytes()[:-cut])
    assert _read_episodes(path) == [1, 2]
    log = MetricsLog(path, keep=9)
    log.append(record(3))
    assert _read_episodes(path) == [1, 2, 3]


@pytest.mark.parametrize(
    ("episodes", "mean"),
    [([], None), ([4], 0.5 / 4), ([1, 2], 0.375), ([1, *[2] * 10], 0.25), ([*[1] * 9, 2], 0.475)],
)
@pytest.mark.parametrize("opened_again", [False, True])
def test_the_recent_loss_is_the_mean_of_ten(tmp_path, episodes, mean, opened_again):
    """Return a record whose loss is 0.5 / n."""
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, keep=0)
    for number, episode in enumerate(episodes, start=1):
        log.append(record(number, loss=0.5 / episode))
    if opened_again:
        log.append(record(len(episodes) + 1, loss=99.0))  # the checkpoint does not contain it
        log.close()
        log = MetricsLog(path, keep=len(episodes))
    assert log.count == len(episodes)
    assert log.compute_recent_loss() == (None if mean is None else pytest.approx(mean))


def test_duplicate_lines_are_kept_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [record(n).model_dump_json() + "\n" for n in (1, 2, 1, 2, 3)]
    path.write_text("".join(lines))
    log = MetricsLog(path, keep=9)
    assert log.count == 3
    assert _read_episodes(path) == [1, 2, 3]


def test_an_untouched_file_is_not_rewritten(tmp_path):
    path = tmp_path / "metrics.jsonl"
    _write_log(path, 1, 2)
    before = path.stat().st_ino
    MetricsLog(path, keep=2).close()
    assert path.stat().st_ino == before


def test_a_reader_of_the_old_file_never_sees_it_truncated(tmp_path):
    path = tmp_path / "metrics.jsonl"
    _write_log(path, 1, 2, 3)
    with path.open() as reader:
        MetricsLog(path, keep=1).close()
        assert len(reader.readlines()) == 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "Invalid JSON"),
        ('{"event": "episode", "episode": 2}', "loss"),
        (record(2).model_dump_json().replace("2.0", "NaN", 1), "loss"),
    ],
)
def test_the_error_names_a_line_that_is_not_a_record(tmp_path, line, message):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f"{record(1).model_dump_json()}\n{line}\n{record(3).model_dump_json()}\n")
    with pytest.raises(InputError, match=rf"metrics\.jsonl:2: .*{message}"):
        read_records(path)


def test_a_full_disk_is_reported():
    """`/dev/full` can be opened, but refuses every write."""
    log = MetricsLog.__new__(MetricsLog)
    log.path = Path("/dev/full")
    log._file = log.path.open("ab")
    with pytest.raises(CheckpointError, match="No space left on device"):
        log.append(record(1))
    log.close()
