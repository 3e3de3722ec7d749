"""A live view of an automaton in a browser, which this process steps."""
