"""What placements require of a video file, and the rules that compare a file with it."""
