import pytest

from qca.runs.metrics_spool import MetricsSpool


@pytest.fixture
def file(tmp_path):
    return tmp_path / "metrics.jsonl"


def _line(episode: int) -> bytes:
    return b'{"episode":%d,"loss":0.%s}' % (episode, b"5" * episode)


def _append(file, *episodes: int) -> None:
    with file.open("ab") as spool:
        spool.writelines(_line(episode) + b"\n" for episode in episodes)


def test_a_missing_file_has_no_lines(file):
    spool = MetricsSpool(file)
    spool.read_appended()
    assert len(spool) == 0


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 1), (1, 3), (0, 4), (4, 4)])
def test_lines_are_found_by_their_numbers(file, first, last):
    _append(file, 1, 2, 5, 6)
    spool = MetricsSpool(file)
    spool.read_appended()
    expected = [(episode, _line(episode)) for episode in (1, 2, 5, 6)]
    assert spool.read_lines(first, last) == expected[first:last]


@pytest.mark.parametrize(("episode", "number"), [(0, None), (1, 0), (3, None), (5, 2), (7, None)])
def test_lines_are_found_by_their_episodes(file, episode, number):
    _append(file, 1, 2, 5, 6)
    spool = MetricsSpool(file)
    spool.read_appended()
    assert spool.find_line(episode) == number


@pytest.mark.parametrize("cut", [1, 10, len(_line(3))])
def test_a_line_counts_once_it_is_whole(file, cut):
    _append(file, 1, 2)
    with file.open("ab") as writer:
        writer.write(_line(3)[:cut])
    spool = MetricsSpool(file)
    spool.read_appended()
    assert len(spool) == 2
    with file.open("ab") as writer:
        writer.write(_line(3)[cut:] + b"\n")
    _append(file, 4)
    spool.read_appended()
    assert spool.read_lines(2, 4) == [(3, _line(3)), (4, _line(4))]
