"""Benchmarks: ours beside their peers, in one process and in turn. README.md says how to run and read them."""
