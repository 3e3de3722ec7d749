"""The trainer: an episode and its gradient, the loop, checkpoints and metrics."""
