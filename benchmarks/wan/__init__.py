"""Benchmarks of Wan 2.1 on a CUDA GPU."""
