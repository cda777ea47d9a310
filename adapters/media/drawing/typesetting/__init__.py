"""Set text: choose fonts, break lines, find the size that fits."""
