"""A trained automaton as a file for other programs, with a card beside it."""
