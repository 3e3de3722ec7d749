"""Fields of a state over the grid, and measures of it over time. Needs numpy, not torch."""
