"""Training code of the starter's weights. Not part of the program."""
