"""Dragonfly's own start-up rules, release by release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.dragonfly import startup_rules as rules
from qca.core.units import GIB, MIB, format_exact_size, parse_size


@pytest.mark.parametrize(
    ("threads", "maxmemory", "refused"),
    [
        (16, 2 * GIB, True),  # the seed
        (16, 4 * GIB, False),  # equality passes
        (16, 4 * GIB - 1, True),
        (8, 2 * GIB, False),
        (1, 256 * MIB, False),
        (1, 255 * MIB, True),
        (24, 5 * GIB, True),  # issue 3526
    ],
)
def test_it_refuses_under_256_mib_a_thread(threads, maxmemory, refused):
    assert rules.refuses_to_start(threads, maxmemory) is refused


def test_it_says_so_in_its_own_words():
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
def test_how_many_threads_it_starts(options, count):
    assert rules.count_threads(16, **options).count == count


def test_its_own_maxmemory_is_a_share_of_what_is_available():
    assert rules.compute_default_maxmemory(10 * GIB, None) == 8 * GIB
    assert rules.compute_default_maxmemory(10 * GIB, 5 * GIB) == 4 * GIB
    assert rules.compute_default_maxmemory(10 * GIB, 5 * GIB, (1, 1, 0)) == 8 * GIB


@pytest.mark.parametrize("text", ["4G", "4g", "4GB", "4gb", "4GiB", "4096mb", "4294967296", "4.0G"])
def test_sizes_are_binary(text):
    assert rules.read_size(text) == 4 * GIB


@pytest.mark.parametrize("text", ["4 Gigs", "4Gigs", "G", "", "4X", "-4G", "99999999E"])
def test_sizes_it_does_not_read(text):
    assert rules.read_size(text) is None


def test_before_v1_36_only_the_first_letter_counted():
    assert rules.read_size("4Gjunk", (1, 35, 0)) == 4 * GIB
    assert rules.read_size("4Gjunk", (1, 36, 0)) is None


@pytest.mark.parametrize(
    ("size", "printed"),
    [
        (512, "512B"),
        (512 * 1024, "512.0KiB"),
        (256 * MIB, "256.00MiB"),
        (4 * GIB, "4.00GiB"),
        (2**50, "1.00PiB"),
    ],
)
def test_how_it_prints_a_size(size, printed):
    assert rules.format_human_readable(size) == printed


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("docker.dragonflydb.io/dragonflydb/dragonfly:v1.14.2", (1, 14, 2)),
        ("ghcr.io/dragonflydb/dragonfly:v1.9.0-alpine", (1, 9, 0)),
        ("localhost:5000/dragonflydb/dragonfly", rules.NEWEST),
        ("dragonflydb/dragonfly:latest", rules.NEWEST),
        ("dragonflydb/dragonfly:v1.30.1@sha256:abc", (1, 30, 1)),
        ("", rules.NEWEST),
    ],
)
def test_the_release_of_an_image(image, release):
    assert rules.parse_release(image) == release


@given(st.integers(min_value=1, max_value=1024))
def test_as_many_threads_as_memory_holds_are_never_refused(threads):
    assert not rules.refuses_to_start(threads, rules.compute_required_memory(threads))
    assert rules.compute_max_threads(rules.compute_required_memory(threads)) == threads


@given(st.integers(min_value=0, max_value=2**50))
def test_the_size_we_write_is_the_size_that_is_read(size):
    assert rules.read_size(format_exact_size(size)) == size == parse_size(format_exact_size(size))


@given(st.text(max_size=30))
def test_no_text_is_too_odd_for_the_size_reader(text):
    for release in (rules.NEWEST, (1, 35, 0)):
        size = rules.read_size(text, release)
        assert size is None or size >= 0
