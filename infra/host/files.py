"""Reading the small files in which a system describes itself."""

from pathlib import Path

from infra.host.errors import FileMissingError, ProbeError, describe_error

MAX_BYTES = 2**20
"""What a probe reads is a version, a setting or a list of mounts. A program or a file that
has more to say than this is not what we took it for."""


def read_text(path: Path) -> str:
    """Read at most `MAX_BYTES` of a text file; undecodable bytes are replaced.

    Raises:
        FileMissingError: if there is no such file.
        ProbeError: if it cannot be read.

    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissingError(f"{path} could not be read: {describe_error(error)}") from None
    except (OSError, ValueError) as error:
        raise ProbeError(f"{path} could not be read: {describe_error(error)}") from None
