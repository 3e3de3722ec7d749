"""Read and write a run on disk: its folder, events, metrics, journal, states and progress.

The package works without torch, and imports `qca.core`. The trainer writes a run with these
modules; `qca status`, `qca report` and the store's sender read it with them.
"""
