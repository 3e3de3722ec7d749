"""Write a recording to a file atomically."""

from pathlib import Path

from qca.core.atomic_files import create_parent, replace_file, write_error
from qca.rollout.pictures import write_contact_sheet, write_gif
from qca.rollout.player import Player, render_player
from qca.rollout.recording import Recording, draw_fields
from qca.rollout.request import RolloutRequest
from qca.rollout.trajectory import write_npz, write_safetensors
from qca.rollout.video import write_video


def write_recording(
    request: RolloutRequest, recording: Recording, player: Player, episode: int | None
) -> None:
    """Write a recording in the format that the output's suffix names; create the folder if needed.

    Raises:
        LaunchError, CheckpointError: it cannot be written; an existing file stays unchanged.

    """
    try:
        create_parent(request.output)
        if request.format == "safetensors":  # this already replaces the file atomically
            write_safetensors(request.output, recording.states, episode)
            return
        with replace_file(request.output) as unfinished:
            _write(unfinished, request, recording, player)
    except OSError as error:
        raise write_error(request.output, error) from None


def _write(path: Path, request: RolloutRequest, recording: Recording, player: Player) -> None:
    match request.format:
        case "html":
            path.write_text(render_player(player, recording), encoding="utf-8")
        case "gif":
            write_gif(path, draw_fields(recording), request.fps)
        case "png":
            write_contact_sheet(path, draw_fields(recording), recording.steps)
        case "mp4" | "webm" as container:
            write_video(path, draw_fields(recording), request.fps, container)
        case _:
            write_npz(path, recording.states)
