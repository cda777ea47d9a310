"""The sweeper's steps, one a file; ``tasks.sweep.sweep`` puts them in order."""
