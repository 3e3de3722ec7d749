"""Evaluate a trained automaton on fresh states, under its training's conditions and beyond."""
