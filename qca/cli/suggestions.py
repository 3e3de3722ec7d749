"""A group of commands that suggests similar names for an unknown command."""

from difflib import get_close_matches

import click


class SuggestingGroup(click.Group):
    """A group that suggests commands itself, since newer versions of Click suggest only loaded
    ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names.

        Raises:
            UsageError: the command does not exist; the message suggests similar ones.

        """
        name, names = args[0], self.list_commands(ctx)
        if name in names or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = " or ".join(repr(match) for match in get_close_matches(name, names))
        hint = f" Did you mean {near}?" if near else ""
        raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
