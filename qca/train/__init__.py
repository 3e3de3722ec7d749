"""The trainer: an episode and its gradient, the loop, checkpoints, sessions.

It needs torch, and
may import `qca.memory`, `qca.runs`, `qca.model` and `qca.core`. `request` and
`distributed.launcher_env` do not load torch, so the command line can start from them.
"""
