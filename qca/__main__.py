"""`python -m qca`, which is what the container runs."""

from qca.cli import main

main()
