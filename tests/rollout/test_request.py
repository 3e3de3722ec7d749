"""An impossible request is refused before the first step."""

import shutil
from collections import namedtuple

import psutil
import pytest

from qca.core.errors import InputError, LaunchError, PlanError
from qca.measures.choose_field import choose_field
from qca.rollout.player import LARGEST_FRAMES
from qca.rollout.request import (
    RolloutRequest,
    count_frames,
    count_kept_bytes,
    make_request,
    parse_format,
    require_possible,
)

FIELDS = [choose_field("density", 14)]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def make_small_request(tmp_path):
    def make_small_request(
        name: str, steps=500, grid=(64, 64), every=None, fields=1
    ) -> RolloutRequest:
        return make_request(tmp_path / name, steps, grid, every, FIELDS * fields, 25)

    return make_small_request


@pytest.mark.parametrize(
    ("steps", "every", "frames"), [(0, 1, 1), (500, 1, 501), (500, 100, 6), (500, 99, 7)]
)
def test_the_start_and_the_end_are_among_the_frames(steps, every, frames):
    assert count_frames(steps, every) == frames


@pytest.mark.parametrize("name", ["rollout", "rollout.avi", "html"])
def test_an_unknown_output_format_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="unknown output format"):
        parse_format(tmp_path / name)


@pytest.mark.parametrize(("steps", "grid"), [(500, 64), (100_000, 64), (500, 4096), (3, 4)])
def test_a_page_omits_frames_and_cells_until_it_is_small(make_small_request, steps, grid):
    request = make_small_request("a.html", steps, (grid, grid), fields=10)
    size = request.frames * request.shown_cells * 10
    assert size <= LARGEST_FRAMES
    assert size > LARGEST_FRAMES / 3 or request.every == 1
    require_possible(request, 14)


def test_all_requested_frames_must_fit_into_the_page(make_small_request):
    request = make_small_request("a.html", every=1, fields=10)
    with pytest.raises(InputError, match="501 frames of 64x64 cells make a page of") as error:
        require_possible(request, 14)
    assert "--every 2" in error.value.hint


def test_too_many_frames_for_any_file(make_small_request):
    with pytest.raises(
        InputError, match="too many frames: 1,000,001; the limit is 100,000"
    ) as error:
        require_possible(make_small_request("a.npz", steps=10**6), 14)
    assert "--every 11 " in error.value.hint


def test_too_many_frames_for_the_memory(make_small_request, monkeypatch):
    memory = namedtuple("Memory", "available")(2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    with pytest.raises(PlanError, match=r"need .* of memory; 1 GiB is available"):
        require_possible(make_small_request("a.gif", steps=2000), 14)


def test_too_many_states_for_the_disk(make_small_request, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**30, 2**29, 2**27))
    require_possible(make_small_request("a.npz", steps=10), 14)
    with pytest.raises(PlanError, match=r"a.npz needs .*; the disk has 112 MiB free"):
        require_possible(make_small_request("a.npz", steps=500), 14)


def test_a_missing_folder_is_possible_on_the_disk_of_the_one_above(tmp_path, make_small_request):
    require_possible(make_small_request("new/er/a.npz"), 14)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder(tmp_path, make_small_request):
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match=r"cannot write .*/file/a\.html: .*/file is a file"):
        require_possible(make_small_request("file/a.html"), 14)


def test_a_folder_in_place_of_the_output(tmp_path, make_small_request):
    (tmp_path / "a.html").mkdir()
    with pytest.raises(LaunchError, match=r"cannot write .*a\.html: a folder"):
        require_possible(make_small_request("a.html"), 14)


def test_the_pictures_of_a_large_grid_are_larger(make_small_request):
    gif, png = (
        make_small_request(f"a.{one}", steps=0, grid=(1024, 1024)) for one in ("gif", "png")
    )
    assert count_kept_bytes(gif, 14) - count_kept_bytes(png, 14) == 3 * 1024 * 1024


def test_a_page_of_few_cells_omits_frames_too(make_small_request):
    request = make_small_request("a.html", steps=200_000, grid=(4, 4))
    assert request.every == 3
    require_possible(request, 14)
