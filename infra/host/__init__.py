"""The facts about a host, and the probes that collect them.

May import: of qca, only `core` and `memory.nvml`; nothing else of infra.
"""
