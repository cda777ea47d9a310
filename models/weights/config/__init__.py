"""Check configuration files of models before a library builds classes from them."""
