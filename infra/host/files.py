"""Read the small files in which a system describes itself."""

import re
from pathlib import Path

from infra.host.errors import FileMissingError, ProbeError, describe_error
from qca.core.diagnostics import log_read

MAX_BYTES = 2**20
"""The maximum number of bytes that a probe reads. Probes read versions, settings and lists of
mounts; anything longer is not the expected file or output."""

# These reads are not logged: a search of all processes would log hundreds of lines.
_OF_PROCESS = re.compile(r"/proc/\d+/")


def read_text(path: Path) -> str:
    """Return up to `MAX_BYTES` of a text file; undecodable bytes are replaced.

    Raises:
        FileMissingError: the file does not exist.
        ProbeError: it cannot be read.

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
