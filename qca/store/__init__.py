"""The metrics store: its client, the sender, and a server for machines without Docker.

Imports `qca.runs` and `qca.core`.
"""
