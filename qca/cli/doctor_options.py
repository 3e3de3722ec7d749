"""The options of `qca doctor`, and the combinations of them that it refuses."""

from pathlib import Path

import click

from qca.core.frozen import frozen_dataclass


@frozen_dataclass
class DoctorOptions:
    """The options of one run of `qca doctor`, by the names of their parameters."""

    files: tuple[Path, ...]
    """The Compose files that are merged into one project."""
    each: tuple[Path, ...]
    """The Compose files that are projects of their own."""
    files_only: bool
    profiles: tuple[str, ...]
    follow_outside: bool
    facts_file: Path | None
    record_file: Path | None
    only: set[str]
    ignore: set[str]
    strict: bool
    fix: bool
    deep: bool
    yes: bool
    dry_run: bool
    timeout: float
    config_file: Path | None
    format_: str

    @property
    def projects(self) -> list[tuple[Path, ...]]:
        """The files of each Compose project that the user gave."""
        return ([self.files] if self.files else []) + [(path,) for path in self.each]

    def refuse_contradictions(self) -> None:
        """Raise UsageError if an option contradicts another one, or needs one that is missing."""
        self._refuse_other_host()
        if self.yes and not (self.fix or self.deep):
            raise click.UsageError("--yes needs --fix or --deep.")
        if self.dry_run and not self.fix:
            raise click.UsageError("--dry-run needs --fix.")
        if self.files_only and self.deep:
            raise click.UsageError("--files-only does not check the host, but --deep does.")
        if self.files_only and not self.projects:
            raise click.UsageError("--files-only needs a Compose file.")

    def _refuse_other_host(self) -> None:
        about_this_one = {"--fix": self.fix, "--deep": self.deep, "--record": self.record_file}
        given = [option for option, value in about_this_one.items() if value]
        if self.facts_file and given:
            raise click.UsageError(
                f"--facts checks a recorded host, but {given[0]} checks this one."
            )
