"""Encode frames as a video with FFmpeg, from imageio-ffmpeg or the system."""

import shutil
import subprocess
from importlib import import_module
from pathlib import Path

from qca.core.diagnostics import log_command
from qca.core.distribution import explain_install
from qca.core.errors import LaunchError
from qca.rollout.pictures import paint_frames
from qca.rollout.recording import DrawnField

# All current browsers play both formats. At these quality settings, cells have no block artifacts.
_CODECS = {
    "mp4": ("-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p", "-movflags", "+faststart"),
    "webm": ("-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-pix_fmt", "yuv420p"),
}


def find_encoder() -> str:
    """Return the path of an FFmpeg executable.

    Raises:
        LaunchError: FFmpeg is not installed.

    """
    try:
        return import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ModuleNotFoundError, RuntimeError):
        found = shutil.which("ffmpeg")
    if found is None:
        raise LaunchError(
            "a video needs FFmpeg, which is not installed",
            hint=f"Write a .gif or .html file; neither needs it. {explain_install('video')}",
        )
    return found


def write_video(path: Path, fields: list[DrawnField], fps: float, container: str) -> None:
    """Encode a recording's fields, side by side, as `mp4` or `webm`.

    Raises:
        LaunchError: FFmpeg is not installed, or it fails; the message contains its error.

    """
    frames = paint_frames(fields)
    first = next(frames)
    height, width = first.shape[:2]
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps))
    command = [find_encoder(), "-loglevel", "error", "-y", *source, "-i", "-"]
    command += [*_CODECS[container], "-f", container, str(path)]
    # Use a new session, so that Ctrl-C in the terminal does not stop FFmpeg before the last frame.
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
            pass  # FFmpeg has exited; its error message says why
        _, stderr = encoder.communicate()
        run.exit_code = encoder.returncode
    if encoder.returncode != 0:
        lines = stderr.decode(errors="replace").strip().splitlines()
        raise LaunchError(
            f"FFmpeg cannot write {path.name}: {lines[-1] if lines else 'no error message'}",
            hint="Try another format, such as .html or .gif.",
        )
