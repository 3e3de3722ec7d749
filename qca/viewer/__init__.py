"""Show a running automaton live in a browser."""
