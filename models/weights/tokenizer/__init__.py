"""Check tokenizer files before a library parses them."""
