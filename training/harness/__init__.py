"""Shared parts of the training: runs, the optimizer, contact sheets and the shipped starter."""
