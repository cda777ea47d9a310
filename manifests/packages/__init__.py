"""What agencies, platforms and editors require of a package of clips, as pure rules."""
