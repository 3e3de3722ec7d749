"""A finding as one text, for formats that only show a text at a line of code."""

from infra.doctor.finding import Finding


def format_message(finding: Finding) -> str:
    """Return the message, and a line for each remedy."""
    return "\n".join([finding.message, *(f"- {remedy.title}" for remedy in finding.remedies)])
