"""How a trained automaton does on states it has not seen, where it was trained and beyond."""
