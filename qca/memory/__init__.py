"""How much memory a training takes: predicted, measured, and planned."""
