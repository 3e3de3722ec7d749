"""The training stack: its plan, its documents and files, and its launch.

May import: the facts of `infra.host` and the address of its engine, `infra.dragonfly`, and of qca
only `core` and `memory`; nothing of `infra.doctor`.
"""
