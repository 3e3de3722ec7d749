"""A run on disk, without torch: its folder, events, metrics, journal, states, and how far it is.

May import `qca.core`. The trainer writes through these modules; `qca status`, `qca report` and
the store's sender read through them.
"""
