"""docs/broken-compose.md: every command is run, and prints what the page says."""

from tests.support.pages import run_page


def test_every_command_runs_and_prints_what_the_page_says(folder):
    run_page("broken-compose", folder)
