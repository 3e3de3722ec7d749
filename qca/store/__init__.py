"""The metrics store: a Redis-protocol client, the sender, a server for machines without Docker.

May import `qca.runs` and `qca.core`.
"""
