"""A rollout to look at or to compute with: pictures, films, trajectories, a page with a player."""
