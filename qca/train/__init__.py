"""The trainer: an episode and its gradient, the loop, checkpoints, sessions.

It needs torch. It may import `qca.memory`, `qca.runs`, `qca.model` and `qca.core`. `request` and
`distributed.launcher_env` do not load torch, so the command line can import them early.
"""
