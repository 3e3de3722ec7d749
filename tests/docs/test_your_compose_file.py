"""Run every command of docs/your-compose-file.md, and compare its output with the page."""

from tests.support.pages import run_page


def test_every_command_runs_and_prints_what_the_page_says(folder):
    run_page("your-compose-file", folder)
