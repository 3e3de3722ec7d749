"""The policy for following the references in a Compose file, and the error for unread ones."""

from enum import Enum


class Policy(Enum):
    """The policy for following references; the network is never used."""

    WITHIN_FOLDER = "within the first file's folder"
    LOCAL = "anywhere on this machine"


class NotFollowedError(Exception):
    """A file that the Compose file refers to was not read; the message says why."""

    def __init__(
        self, why: str, *, outside: bool = False, missing: bool = False, circular: bool = False
    ) -> None:
        super().__init__(why)
        self.outside = outside
        self.missing = missing
        self.circular = circular

    @property
    def is_fault(self) -> bool:
        """Whether Compose cannot follow the reference either."""
        return self.missing or self.circular
