"""Export a trained automaton as a file for other programs, with a model card."""
