"""Engines for data that one machine is too small for. Each is an extra of its own and calls the same checks."""
