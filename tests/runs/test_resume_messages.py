"""The messages of a resumed training run."""

import re

import pytest

from qca.runs.resume_messages import (
    describe_batch_change,
    describe_lost_lines,
    describe_repeated_episodes,
    find_last_repeated,
)


@pytest.mark.parametrize(
    ("episode", "last_line", "skipped", "until"),
    [
        (0, 0, [], None),
        (5, 5, [2], None),
        (5, 3, [], None),  # some lines are lost
        (5, 7, [], 7),
        (5, 7, [6, 8], 8),  # the last ones were skipped and have no line
        (5, 5, [6], 6),
        (0, 3, [], 3),
    ],
)
def test_the_last_episode_that_is_repeated(episode, last_line, skipped, until):
    assert find_last_repeated(episode, last_line, skipped) == until


@pytest.mark.parametrize(
    ("first", "until", "message"),
    [
        (1, 2, "Episodes 1 to 2 were trained before the first checkpoint and are repeated"),
        (5, 5, "Episode 5 was trained after the last intact checkpoint and is repeated"),
        (
            999,
            1000,
            "Episodes 999 to 1,000 were trained after the last intact checkpoint and are repeated",
        ),
    ],
)
def test_the_repetition_is_described_in_one_sentence(first, until, message):
    assert describe_repeated_episodes(first, until) == message


@pytest.mark.parametrize(("lines", "is_reported"), [(4, False), (5, False), (3, True)])
def test_lost_lines_are_reported(lines, is_reported):
    assert bool(describe_lost_lines(lines, learned=4)) is is_reported


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        (None, 2, None),
        (2, 2, None),
        (2, 1, "was 6 and is now 3: 2 processes trained up to .*, and 1 now trains, with batch_"),
        (1, 4, "was 3 and is now 12: 1 process .*, and 4 now train, with batch_size=3 each"),
    ],
)
def test_another_combined_batch_is_reported_with_its_numbers(before, now, message):
    messages = describe_batch_change(before, now, batch_size=3)
    assert len(messages) == (message is not None)
    if message:
        assert re.search(message, messages[0])
