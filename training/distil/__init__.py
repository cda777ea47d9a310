"""Distil the starter's video model into a student that needs four steps and no guidance."""
