"""The host and its containers: facts, Compose files, Dragonfly, the stack, the doctor.

May import: of qca, only `core` and the closed form of `memory`; never torch.
"""
