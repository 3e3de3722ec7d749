"""Dragonfly's startup rules by release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.dragonfly import startup_rules as rules
from infra.dragonfly.startup_rules import StartFault
from qca.core.config import MAX_DRAGONFLY_THREADS
from qca.core.units import GIB, MIB


@pytest.mark.parametrize(
    ("threads", "maxmemory", "fault"),
    [
        (16, 2 * GIB, StartFault.TOO_LITTLE_MEMORY),  # the seed
        (16, 4 * GIB, None),  # equality passes
        (16, 4 * GIB - 1, StartFault.TOO_LITTLE_MEMORY),
        (8, 2 * GIB, None),
        (1, 256 * MIB, None),
        (1, 255 * MIB, StartFault.TOO_LITTLE_MEMORY),
        (24, 5 * GIB, StartFault.TOO_LITTLE_MEMORY),  # issue 3526
        (1023, 256 * GIB, None),
        (1024, 256 * GIB, StartFault.TOO_MANY_THREADS),
        (1024, 2 * GIB, StartFault.TOO_MANY_THREADS),
    ],
)
def test_why_it_does_not_start(threads, maxmemory, fault):
    assert rules.find_start_fault(threads, maxmemory) is fault


def test_the_message_is_dragonflys_own():
    assert rules.format_refusal(16) == "There are 16 threads, so 4.00GiB are required. Exiting..."
    assert rules.format_refusal(3) == "There are 3 threads, so 768.00MiB are required. Exiting..."
    old = "Max memory is less than 256MB per thread. Exiting..."
    assert rules.format_refusal(16, (0, 10, 0)) == old
    assert rules.format_refusal(16, (0, 11, 0)) != old


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 16),
        ({"flag": 4}, 4),
        ({"flag": 0}, 16),  # 0 is "decide yourself"
        ({"quota": 2.5}, 3),  # cgroup v2 rounds up
        ({"quota": 2.5, "cgroup_version": "1"}, 2),  # v1 truncates
        ({"quota": 0.5, "cgroup_version": "1"}, 16),  # to 0, which is "no limit"
        ({"quota": 2.0, "release": (1, 1, 0)}, 16),  # cgroups were ignored
        ({"quota": 2.0, "flag": 8, "release": (1, 37, 0)}, 2),  # issue 4251
        ({"quota": 2.0, "flag": 8, "release": (1, 38, 0)}, 8),
        ({"quota": 2.0, "flag": 8, "release": (1, 1, 0)}, 8),
        ({"quota": 0.5, "cgroup_version": "1", "flag": 8, "release": (1, 37, 0)}, 8),
    ],
)
def test_the_number_of_threads(options, count):
    threads = rules.count_threads(16, **options)

    assert threads
    assert threads.count == count


def test_without_the_cpus_only_explicit_threads_are_known():
    assert rules.count_threads(None) is None
    assert rules.count_threads(None, flag=0) is None
    threads = (rules.count_threads(None, flag=4), rules.count_threads(None, quota=2.0))
    assert [one.count for one in threads if one] == [4, 2]


def test_its_default_maxmemory_is_a_share_of_the_available_memory():
    assert rules.compute_default_maxmemory(10 * GIB, None) == 8 * GIB
    assert rules.compute_default_maxmemory(10 * GIB, 5 * GIB) == 4 * GIB
    assert rules.compute_default_maxmemory(10 * GIB, 5 * GIB, (1, 1, 0)) == 8 * GIB


@given(st.integers(min_value=1, max_value=MAX_DRAGONFLY_THREADS))
def test_as_many_threads_as_fit_in_memory_are_never_refused(threads):
    assert rules.find_start_fault(threads, rules.compute_required_memory(threads)) is None
    assert rules.compute_max_threads(rules.compute_required_memory(threads)) == threads


def test_no_memory_is_enough_for_more_threads_than_it_supports():
    assert rules.compute_max_threads(1024 * GIB) == MAX_DRAGONFLY_THREADS
