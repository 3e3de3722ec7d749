"""The doctor: checks over facts and plan, their findings, and how those are shown."""
