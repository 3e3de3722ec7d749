"""Frames as a video, encoded by FFmpeg: the one of imageio-ffmpeg, or the system's."""

import shutil
import subprocess
from pathlib import Path

from qca.core.diagnostics import log_command
from qca.core.distribution import explain_install
from qca.core.errors import LaunchError
from qca.rollout.pictures import paint_frames
from qca.rollout.recording import DrawnField

# Both play in every browser of the day; the quality shows no block at the edge of a cell.
_CODECS = {
    "mp4": ("-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
    "webm": ("-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-pix_fmt", "yuv420p"),
}


def find_encoder() -> str:
    """Return the path of an FFmpeg.

    Raises:
        LaunchError: there is none.

    """
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ModuleNotFoundError, RuntimeError):
        found = shutil.which("ffmpeg")
    if found is None:
        raise LaunchError(
            "a video needs an encoder, and there is no FFmpeg here",
            hint=f"Write a .gif or a .html, which need none. {explain_install('video')}",
        )
    return found


def write_video(path: Path, fields: list[DrawnField], fps: float, container: str) -> None:
    """Encode a recording's fields, side by side, as `mp4` or `webm`.

    Raises:
        LaunchError: there is no encoder, or it fails; says how.

    """
    frames = paint_frames(fields)
    first = next(frames)
    height, width = first.shape[:2]
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps))
    command = [find_encoder(), "-loglevel", "error", "-y", *source, "-i", "-"]
    command += [*_CODECS[container], "-f", container, str(path)]
    # In a session of its own: a Ctrl-C of the terminal must not end it before the last frame.
    with (
        log_command(command) as run,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        ) as encoder,
    ):
        assert encoder.stdin is not None
        try:
            encoder.stdin.write(first.tobytes())
            for frame in frames:
                encoder.stdin.write(frame.tobytes())
        except BrokenPipeError:
            pass  # it has ended, and says why
        _, said = encoder.communicate()
        run.exit_code = encoder.returncode
    if encoder.returncode != 0:
        lines = said.decode(errors="replace").strip().splitlines()
        raise LaunchError(
            f"FFmpeg cannot write {path.name}: {lines[-1] if lines else 'it gives no reason'}",
            hint="Try another format, such as .html or .gif.",
        )
