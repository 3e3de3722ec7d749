"""The errors of probes."""


class ProbeError(Exception):
    """A probe could not determine its fact; the message names what it examined and the error."""


class FileMissingError(ProbeError):
    """The file does not exist, which is a valid answer if it is optional."""


class ProbeTimeoutError(ProbeError):
    """The program or service that a probe asked did not answer before the deadline."""


def describe_error(error: BaseException) -> str:
    """Return an error's message on one line; omit the class of system errors."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    name, text = type(error).__name__, " ".join(str(error).split())
    return f"{name}: {text}" if text else name
