"""Files that finishing needs and makes on this machine."""
