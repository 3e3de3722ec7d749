"""Render a finding as a string, for formats that attach only a message to a line of a file."""

from infra.doctor.finding import Finding


def format_message(finding: Finding) -> str:
    """Return the message, followed by a line for each remedy."""
    return "\n".join([finding.message, *(f"- {remedy.title}" for remedy in finding.remedies)])
