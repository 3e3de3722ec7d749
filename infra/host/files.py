"""Reading the small files in which a system describes itself."""

import re
from pathlib import Path

from infra.host.errors import FileMissingError, ProbeError, describe_error
from qca.core.diagnostics import log_read

MAX_BYTES = 2**20
"""What a probe reads is a version, a setting or a list of mounts. A program or a file that
has more to say than this is not what we took it for."""

# What a search among all processes reads is not worth hundreds of log lines.
_OF_PROCESS = re.compile(r"/proc/\d+/")


def read_text(path: Path) -> str:
    """Read at most `MAX_BYTES` of a text file; undecodable bytes are replaced.

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
