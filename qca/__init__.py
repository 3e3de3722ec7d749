"""Train a neural quantum cellular automaton on the machine you have."""
