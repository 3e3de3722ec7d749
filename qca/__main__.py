"""Run the command line as `python -m qca`, as the container does."""

from qca.cli import main

main()
