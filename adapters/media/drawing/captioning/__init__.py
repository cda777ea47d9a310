"""Draw captions, and keep them clear of other texts."""
