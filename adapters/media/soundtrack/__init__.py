"""Mix voice, music and native sound to a measured loudness."""
