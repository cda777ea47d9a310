"""Readers for text files: CSV, TSV, JSON, JSON Lines and lists of prompts. They run in the sandboxed child."""
