"""Scenes, their captions and codes, and the renderer of the training clips."""
