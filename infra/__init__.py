"""The host and its containers: facts, Compose files, Dragonfly, the stack, the doctor.

From `qca` it imports only `core` and the closed-form predictions of `memory`, and never torch.
"""
