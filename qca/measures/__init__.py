"""What can be seen of a state: fields over the grid, measures over time. numpy, no torch."""
