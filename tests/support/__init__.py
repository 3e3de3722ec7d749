"""What tests of several rooms share: builders of inputs, fakes, processes, and ways to wait."""
