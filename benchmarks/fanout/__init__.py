"""Benchmarks of scaling over devices, and a simulation of a thousand workers."""
