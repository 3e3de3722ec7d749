"""The stack that trains: its plan, its documents, the files they are written to, its launch.

May import: the facts of `infra.host` and where its engine is, `infra.dragonfly`, and of qca only
`core` and the closed form of `memory`; nothing of `infra.doctor`.
"""
