"""What protocols share: tables of a provider's words, and functions that read answers by them."""
