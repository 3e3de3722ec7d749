"""Several processes that train one model: the ranks, torch's elastic launcher, the environment.

May import what `qca.train` may.
"""
