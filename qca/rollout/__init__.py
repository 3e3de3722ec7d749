"""Write a rollout as pictures, a video, a trajectory, or a page with a player."""
