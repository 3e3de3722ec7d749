"""What Dragonfly does: start-up rules, flags by release, flag files, and how a service runs it.

It imports `infra.compose_file` and errors and units of `qca.core`.
"""
