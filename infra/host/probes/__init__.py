"""The probes, the only modules that look at the host: one for each fact, named for it.

Each has one function, `probe`, which returns facts or raises `ProbeError`. A probe starts no
thread and knows no other probe; `infra.host.collect` runs them all at once under one deadline.
May import: facts, deadlines and files of `infra.host`, and `qca.core` and `qca.memory.nvml`.
"""
