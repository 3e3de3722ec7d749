"""Read the Compose files that the doctor examines, and Dragonfly's flag files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from infra.compose_file.load import read_compose_files
from infra.compose_file.model import ComposeFile
from infra.compose_file.references import Policy
from infra.compose_file.resolved_by_compose import apply_answer, apply_refusal
from infra.dragonfly.flag_file import read_flag_files
from infra.host.errors import ProbeError
from infra.host.facts import ComposePlugin
from infra.host.probes.compose_config import RefusedConfig, ask_compose_config


def read_examined_files(
    paths: Sequence[Path],
    environment: Mapping[str, str],
    plugin: ComposePlugin | None = None,
    *,
    profiles: Sequence[str] = (),
    policy: Policy = Policy.WITHIN_FOLDER,
    version: tuple[int, ...] | None = None,
) -> ComposeFile:
    """Read files that Compose would merge, and the flag files that their services name.

    If `plugin` is given, Compose confirms the values, with the same profiles active. `version` is
    the version of Compose for which the files are meant, if known.

    Raises:
        InputError: a file cannot be read, or is not a Compose file.

    """
    file = read_compose_files(paths, environment, profiles, policy, version)
    if plugin is not None:
        file = confirm(file, paths, plugin, environment)
    return read_flag_files(file)


def confirm(
    file: ComposeFile, paths: Sequence[Path], plugin: ComposePlugin, environment: Mapping[str, str]
) -> ComposeFile:
    """Return the file with the values that Compose reads from it, or with Compose's error.

    If Compose does not answer or would read files outside the folder, qca's reading is kept.
    """
    if any(reference.outside for reference in file.unread):
        return replace(
            file, not_confirmed_because="it would follow references out of the file's folder"
        )
    try:
        folder = Path(file.folder)
        answer = ask_compose_config(paths, folder, plugin, environment, file.profiles)
    except ProbeError as error:
        return replace(file, not_confirmed_because=f"its output cannot be parsed: {error}")
    if isinstance(answer, RefusedConfig):
        return apply_refusal(file, answer.message)
    return apply_answer(file, answer.document, f"Compose {plugin.version}")
