"""What `want` counts: goals, and the rule that ends them."""
