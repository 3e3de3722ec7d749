"""The metrics store: a Redis-protocol client, and a server for machines without Docker."""
