"""Render shards at hosted generators: submit jobs, follow them, fetch their files."""
