"""The readable twin of every kernel: same calls, same results, plain Python."""
