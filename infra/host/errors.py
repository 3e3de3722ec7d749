"""Why a probe could not see its subject."""


class ProbeError(Exception):
    """A probe cannot see its subject; the message says what it looked at and what is wrong."""


class FileMissingError(ProbeError):
    """There is no such file: that is an answer where the file is optional."""


class ProbeTimeoutError(ProbeError):
    """What a probe looked at did not answer before the deadline."""


def describe_error(error: BaseException) -> str:
    """Return an error's message on one line, with its class unless the system's text says it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    name, text = type(error).__name__, " ".join(str(error).split())
    return f"{name}: {text}" if text else name
