"""What Dragonfly does: start-up rules, flags by release, flag files, and how a service runs it.

May import: `infra.compose_file` and `qca.core`; of infra, nothing else.
"""
