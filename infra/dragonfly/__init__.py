"""Dragonfly's behavior: startup rules, flags by release, flag files, and the services that run it.

May import: `infra.compose_file` and `qca.core`; of infra, nothing else.
"""
