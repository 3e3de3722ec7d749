"""A trained automaton: loaded from where it was saved, and run."""
