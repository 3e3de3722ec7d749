"""What is known about a host, and the probes that find it out.

May import: of qca, only `core` and `memory.nvml`; nothing else of infra.
"""
