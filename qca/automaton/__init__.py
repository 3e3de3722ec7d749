"""Load a trained automaton from a run or a file, and run it."""
