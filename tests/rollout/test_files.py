"""Other programs can read the pictures, videos and trajectories."""

import resource
import subprocess

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from qca.core.errors import CheckpointError, LaunchError
from qca.rollout import video
from qca.rollout.pictures import choose_frames, paint_frame, write_contact_sheet, write_gif
from qca.rollout.player import Player
from qca.rollout.recording import draw_fields
from qca.rollout.request import make_request
from qca.rollout.trajectory import write_npz, write_safetensors
from qca.rollout.video import find_encoder, write_video
from qca.rollout.write import write_recording
from qca.runs.snapshots import read_snapshots
from tests.rollout.conftest import record


@pytest.fixture(scope="module")
def drawn_fields(recording):
    return draw_fields(recording)


def test_a_gif_has_every_frame_in_its_colors(tmp_path, drawn_fields):
    write_gif(tmp_path / "a.gif", drawn_fields[:1], fps=10)
    with Image.open(tmp_path / "a.gif") as picture:
        assert getattr(picture, "n_frames", 1) == 5
        assert picture.size == (512, 512)
        assert picture.info["duration"] == 100
        assert picture.info["loop"] == 0
        picture.seek(3)
        pixels = np.asarray(picture.convert("RGB"))
    assert np.abs(pixels[::64, ::64].astype(int) - drawn_fields[0].paint(3)).max() <= 8


def test_several_fields_are_side_by_side(drawn_fields):
    picture = paint_frame(drawn_fields, 0, 2)
    assert picture.shape == (16, 3 * 16 + 2 * 8, 3)
    assert np.array_equal(picture[::2, :16:2], drawn_fields[0].paint(0))
    assert np.array_equal(picture[::2, -16::2], drawn_fields[2].paint(0))


def test_a_contact_sheet_has_a_row_for_each_field(tmp_path, drawn_fields, recording):
    write_contact_sheet(tmp_path / "a.png", drawn_fields, recording.steps)
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (5 * 168 + 8, 3 * 184 + 8)
        corner = sheet.getpixel((8, 8 + 16))
    assert corner == tuple(drawn_fields[0].paint(0)[0, 0])


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(1, [0]), (3, [0, 1, 2]), (15, [0, 2, 4, 6, 8, 10, 12, 14]), (501, [0, 71, 143])],
)
def test_frames_are_chosen_evenly_with_the_first_and_the_last(count, chosen):
    frames = choose_frames(count)
    assert frames[: len(chosen)] == chosen
    assert frames[-1] == count - 1


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_a_video_can_be_decoded_to_its_frames(tmp_path, drawn_fields, container):
    path = tmp_path / f"a.{container}"
    write_video(path, drawn_fields, 10, container)
    raw = [find_encoder(), "-loglevel", "error", "-i", str(path)]
    raw += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(raw, capture_output=True, check=True).stdout
    frames = np.frombuffer(decoded, np.uint8).reshape(5, 512, -1, 3)
    expected = paint_frame(drawn_fields, 2, 64).astype(int)
    # Colors have half the resolution, so compare only the middle of each cell.
    assert np.abs(frames[2, 32::64, 32:512:64] - expected[32::64, 32:512:64]).mean() < 8


def test_the_error_has_the_encoders_message(tmp_path, drawn_fields):
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(LaunchError, match=r"FFmpeg cannot write a.mp4: .*Is a directory"):
        write_video(tmp_path / "a.mp4", drawn_fields, 10, "mp4")


def test_without_an_encoder_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(video.__dict__["shutil"].__dict__, "which", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(LaunchError, match="a video needs FFmpeg") as error:
        find_encoder()
    assert "Write a .gif or .html file" in error.value.hint


def test_a_trajectory_has_every_state(tmp_path, states):
    write_safetensors(tmp_path / "a.safetensors", states, 6)
    tensors = load_file(tmp_path / "a.safetensors")
    assert sorted(tensors, key=int) == ["0", "2", "4", "6", "8"]
    found = read_snapshots(tmp_path / "a.safetensors")
    assert found is not None
    assert found.episode == 6
    assert np.array_equal(found.states[4], states[2].psi)
    assert found.energies[4] == pytest.approx(float(states[2].squared_norm.mean()))


def test_a_trajectory_of_numpy_has_the_norms_too(tmp_path, states):
    write_npz(tmp_path / "a.npz", states)
    found = np.load(tmp_path / "a.npz")
    assert found["step"].tolist() == [0, 2, 4, 6, 8]
    assert np.array_equal(found["psi"][1], states[1].psi)
    assert np.array_equal(found["squared_norm"][4], states[4].squared_norm)


def test_the_error_for_a_full_disk_names_the_requested_file(tmp_path, states):
    output = tmp_path / "a.safetensors"
    request = make_request(output, 8, (8, 8), 2, [], 25)
    kept, player = record(states, keeps_states=True), Player("first", "", 25)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(CheckpointError) as error:
            write_recording(request, kept, player, 6)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.value.message.startswith(f"{output}: the states cannot be written")
    assert list(tmp_path.iterdir()) == []
