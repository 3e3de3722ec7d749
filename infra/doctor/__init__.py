"""The doctor: checks of the facts and the plan, their findings, and the output formats."""
