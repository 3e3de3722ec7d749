"""A stand-in for Dragonfly, for tests: Dragonfly's flags and start-up rule before a Valkey server.

It is not Dragonfly, and no result that it gives says anything about Dragonfly's speed or memory.
"""
