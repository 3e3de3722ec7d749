"""A run on disk, without torch: its folder, events, metrics, journal, states and progress.

Imports `qca.core`. The trainer writes a run with these modules; `qca status`, `qca report` and the
store's sender read it with them.
"""
