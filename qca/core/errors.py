"""The errors that a user, a file, a daemon or a network can cause.

::

    QcaError                    exit 1: the command failed or found a problem
    ├── InputError              exit 2: an argument or an input file is wrong
    ├── PlanError               exit 1: no plan can fit
    ├── LaunchError             exit 1: the stack or the trainer did not come up
    ├── StoreError              exit 1: the metrics store cannot be used
    └── CheckpointError         exit 1: a checkpoint cannot be written or read

Every error has a message that says what is wrong and a hint that says what to do next.
Only `qca.cli` prints them and exits.
Ctrl-C raises Python's own KeyboardInterrupt; `qca.cli` turns it into exit code 130.
"""


class QcaError(Exception):
    """Base class of all errors that are shown to the user without a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(QcaError):
    """An argument or an input file is wrong; the message names the file, line and key if it can."""

    exit_code = 2


class PlanError(QcaError):
    """No plan fits both the host and the configuration."""


SOLVE_HINT = "`qca estimate --solve batch|grid|steps` finds the largest value that fits."
"""The hint for a training run that does not fit."""


class LaunchError(QcaError):
    """The stack, a container or the trainer did not start, or failed."""


class StoreError(QcaError):
    """The metrics store cannot be started, reached or written to."""


class CheckpointError(QcaError):
    """A checkpoint cannot be written, or the existing one cannot be resumed."""
