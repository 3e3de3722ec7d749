"""Track the state of reading a project: its settings, and the problems found so far."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.compose_file.default_files import choose_name
from infra.compose_file.model import Refusal, UnreadReference, UnsetVariable
from infra.compose_file.passes.file_paths import locate, shorten
from infra.compose_file.references import NotFollowedError, Policy
from infra.compose_file.yaml.tree import Origin, Source
from qca.core.errors import InputError
from qca.core.plain_files import check_plain, read_plain, suggest_file
from qca.core.units import MIB

LARGEST_FILE = 4 * MIB

# Real files include far fewer. Without this limit, reading a file that includes itself twice would
# never end.
MOST_FILES = 60
LONGEST_TRAIL = 20

# References that Compose treats as a repository or a registry; everything else is a path.
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|github\.com/|[\w.-]+@[\w.-]+:", re.I)


@dataclass
class Reading:
    """The settings for reading a project, and the results so far."""

    folder: Path
    """The project's folder, as it was given."""
    policy: Policy
    version: tuple[int, ...] | None = None
    """The version of Compose that the files are meant for; None means the newest."""
    files: int = 0
    refusals: list[Refusal] = field(default_factory=list[Refusal])
    unset: list[UnsetVariable] = field(default_factory=list[UnsetVariable])
    unread: list[UnreadReference] = field(default_factory=list[UnreadReference])
    keys: dict[str, int] = field(default_factory=dict[str, int])
    """The top-level keys of the project's own files, with their lines."""
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    hidden: set[str] = field(default_factory=set[str])

    def refuse(self, message: str, origin: Origin) -> None:
        """Record a reason why Compose would refuse the project."""
        self.refusals.append(Refusal.at(message, origin))

    def note_unread(
        self,
        what: str,
        origin: Origin,
        error: NotFollowedError,
        *,
        is_nondeterministic: bool = False,
    ) -> None:
        """Record a reference that was not followed, with the reason."""
        place = (origin.line, origin.source.path)
        reference = UnreadReference(what, *place, str(error), error.outside, is_nondeterministic)
        self.unread.append(reference)

    def find_file(self, name: str, folder: Path) -> Path:
        """Return the path of an existing file that a Compose file refers to.

        Raises:
            NotFollowedError: the file is missing, or outside the allowed folders.

        """
        if not name:
            raise NotFollowedError("it does not name a file")
        if _REMOTE.match(name):
            raise NotFollowedError(f"{name} is on another machine", outside=True)
        path = self.stay_within(name, folder)
        if not _is_there(path):
            raise NotFollowedError(f"{path} does not exist", missing=True)
        if problem := _find_oddity(path):
            raise NotFollowedError(f"{path}: {problem}", outside=True)
        return path

    def stay_within(self, name: str, folder: Path) -> Path:
        """Return the path of a file that a Compose file refers to, even if it is missing.

        Raises:
            NotFollowedError: the path is outside the allowed folders.

        """
        path = Path(shorten(locate(name, folder), self.folder))
        is_within = resolve(path).is_relative_to(resolve(self.folder))
        if self.policy is Policy.WITHIN_FOLDER and not is_within:
            reason = f"{path} is outside the folder of the first Compose file"
            raise NotFollowedError(reason, outside=True)
        return path

    def read_dotenv(self, path: Path, variables: Mapping[str, str]) -> str:
        """Return the text of an `.env` in any encoding; an empty string if it cannot be read.

        A file outside the folder, or a path that is not a file, is recorded as not followed.
        """
        try:
            self.stay_within(path.name, path.parent)
            if problem := _find_oddity(path):
                raise NotFollowedError(f"{path}: {problem}", outside=True)
            return read_text(path)
        except NotFollowedError as error:
            self.note_unread(path.name, Origin(Source(str(path), (), variables), 1), error)
        except InputError:
            pass
        return ""

    def count_file(self) -> None:
        """Count another file.

        Raises:
            NotFollowedError: there are too many.

        """
        self.files += 1
        if self.files > MOST_FILES:
            raise NotFollowedError(f"the project includes or extends more than {MOST_FILES} files")

    def read_file(self, name: str, folder: Path) -> tuple[str, str]:
        """Return the path and the text of a file that a Compose file refers to.

        Raises:
            NotFollowedError: as in `find_file`, or the file cannot be read.

        """
        path = self.find_file(name, folder)
        try:
            text = read_text(path)
        except InputError as error:
            raise NotFollowedError(error.message) from None
        self.sources[str(path)] = tuple(text.splitlines())
        return str(path), text


def _is_there(path: Path) -> bool:
    """Return whether the path exists; a name that is too long counts as missing."""
    try:
        return path.exists()
    except OSError:
        return False


def resolve(path: Path) -> Path:
    """Return the path with its links resolved; a cycle of links counts as missing."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return Path("/nonexistent")


def read_text(path: Path, *, is_yaml: bool = False) -> str:
    """Return a file's text; invalid UTF-8 is replaced in a file that is not YAML.

    Raises:
        InputError: the file cannot be read, or is larger than any Compose file.

    """
    try:
        content = read_plain(path, limit=LARGEST_FILE)
        return _decode(content) if is_yaml else content.decode(errors="replace")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint="Check the path given to -f.") from None
    except UnicodeDecodeError:
        hint = "Save it as UTF-8; Compose reads only UTF-8, and UTF-16 with a byte-order mark."
        raise InputError(f"{path}: not UTF-8 text", hint=hint) from None
    except OSError as error:
        hint = suggest_file(error, path, choose_name(path))
        raise InputError(f"{path}: {error.strerror or error}", hint=hint) from None
    except ValueError as error:  # a NUL in the path
        raise InputError(f"{path}: {error}", hint="Check the path.") from None


def _decode(content: bytes) -> str:
    """Decode as YAML parsers do: UTF-16 if there is a byte-order mark for it, otherwise UTF-8."""
    is_utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")


def _find_oddity(path: Path) -> str | None:
    """Return the kind of a path that is not a file (a pipe, a device, ...); None for a file."""
    try:
        check_plain(path)
    except OSError as error:
        return error.strerror
    return None
