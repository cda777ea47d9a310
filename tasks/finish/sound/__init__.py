"""The voice and the soundtrack of a deliverable."""
