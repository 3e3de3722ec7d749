"""Read the small files in which a system describes itself."""

import re
from pathlib import Path

from infra.host.errors import FileMissingError, ProbeError, describe_error
from qca.core.diagnostics import log_read

MAX_BYTES = 2**20
"""The most that a probe reads. It reads versions, settings and lists of mounts; a longer output or
file is not what the probe expects."""

# A search of all processes would log hundreds of lines.
_OF_PROCESS = re.compile(r"/proc/\d+/")


def read_text(path: Path) -> str:
    """Return up to `MAX_BYTES` of a text file; undecodable bytes are replaced.

    Raises:
        FileMissingError: if there is no such file.
        ProbeError: if it cannot be read.

    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissingError(f"{path} could not be read: {describe_error(error)}") from None
    except (OSError, ValueError) as error:
        raise ProbeError(f"{path} could not be read: {describe_error(error)}") from None
    if not _OF_PROCESS.match(str(path)):
        log_read(path, len(content))
    return content.decode(errors="replace")
