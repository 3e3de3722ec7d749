"""The model: UNetUnitary, one step of the automaton, its states, noise and losses."""
