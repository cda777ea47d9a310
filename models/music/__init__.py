"""Background music: shipped tracks, music made by code, and music models."""
