"""The trainer: an episode and its gradient, the loop, checkpoints, sessions. Needs torch.

May import `qca.memory`, `qca.runs`, `qca.model` and `qca.core`. `request` and
`distributed.launcher_env` load no torch, so that the command line can start from them.
"""
