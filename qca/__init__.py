"""Train a neural quantum cellular automaton: what a person runs.

Rooms, each importing only those before it: core, model, memory and runs, train and store and
report, cli. Only `qca.cli` imports `infra`, the host and the containers.
"""
