"""The probes, the only modules that examine the host: one for each fact, named after it.

Each has a function `probe`, which returns facts or raises `ProbeError`. A probe starts no thread
and doesn't know other probes; `infra.host.collect` runs them all at once with one deadline. May
import: facts, deadlines and files of `infra.host`, and `qca.core` and `qca.memory.nvml`.
"""
