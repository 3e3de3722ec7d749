"""The probes: one module for each fact, with its name. Only these modules examine the host.

Each has a function `probe`, which returns facts or raises `ProbeError`. A probe starts no thread
and does not know about other probes; `infra.host.collect` runs them all at once with one deadline.
The probes import the facts, deadlines and files of `infra.host`, `qca.core` and `qca.memory.nvml`.
"""
