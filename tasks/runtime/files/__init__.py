"""Files of a run on this machine: staged clips, first frames, clips that are continued, and free disk space."""
