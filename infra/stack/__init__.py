"""The stack that trains: plan, compose document, rendered file, launch."""
