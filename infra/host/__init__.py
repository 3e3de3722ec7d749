"""The facts about a host, and the probes that collect them.

This package imports only `qca.core` and `qca.memory.nvml`, and nothing from the rest of infra.
"""
