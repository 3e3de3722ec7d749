"""What this host is: facts, and the probes that collect them."""
