"""The doctor: checks of facts and plan, their findings, and the output formats."""
