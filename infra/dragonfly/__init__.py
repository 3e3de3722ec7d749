"""Dragonfly's behavior: startup rules, flags by release, flag files, and the services that run it.

It imports `qca.core`, and from infra only `infra.compose_file`.
"""
