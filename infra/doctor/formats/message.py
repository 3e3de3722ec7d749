"""Render a finding as a single text, for formats that show only a message at a line."""

from infra.doctor.finding import Finding


def format_message(finding: Finding) -> str:
    """Return the message, followed by a line for each remedy."""
    return "\n".join([finding.message, *(f"- {remedy.title}" for remedy in finding.remedies)])
