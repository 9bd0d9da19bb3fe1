"""Compiled kernels. Import them through ``sbcard_core._kernels``, which chooses the level."""
