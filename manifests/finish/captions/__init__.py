"""Captions: splitting texts into cues, their times, and whether people can read them. Pure rules, no files."""
