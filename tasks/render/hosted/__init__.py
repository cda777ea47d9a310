"""Render shards with hosted models: submit jobs, poll them, and download their files."""
