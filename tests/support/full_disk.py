"""Imitate a full disk."""

import resource
from contextlib import contextmanager


@contextmanager
def limit_file_size(size: int):
    """Make the kernel refuse files larger than `size`, like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
