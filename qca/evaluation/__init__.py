"""Evaluate a trained automaton on fresh states, under the conditions of its training and beyond."""
