"""A group of commands that names the nearest one where a word is none of them."""

from difflib import get_close_matches

import click


class SuggestingGroup(click.Group):
    """As Click's own, whose newest versions suggest only commands that are already loaded."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names.

        Raises:
            UsageError: there is none; it says which come near.

        """
        name, names = args[0], self.list_commands(ctx)
        if name in names or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = " or ".join(repr(one) for one in get_close_matches(name, names))
        hint = f" Did you mean {near}?" if near else ""
        raise click.UsageError(f"No such command {name!r}.{hint}", ctx)
