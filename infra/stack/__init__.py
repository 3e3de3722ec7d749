"""The training stack: its plan, its documents and files, and its launch.

It imports `infra.dragonfly`; from `infra.host` the facts, the errors, the rules for GPUs in
containers and the engine's address; and from qca only `core` and `memory`. It imports nothing from
`infra.doctor`.
"""
