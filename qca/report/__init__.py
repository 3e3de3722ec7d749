"""One self-contained HTML page about a run. Needs the extra `report`, and no torch."""
