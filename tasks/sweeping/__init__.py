"""The sweeper's steps, one a file; ``tasks.sweep`` puts them in order."""
