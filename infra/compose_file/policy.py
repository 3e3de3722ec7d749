"""How far the references of a Compose file are followed."""

from enum import Enum


class Policy(Enum):
    """How far references are followed; the network is never used."""

    WITHIN_FOLDER = "within the first file's folder"
    LOCAL = "wherever they lie on this machine"
