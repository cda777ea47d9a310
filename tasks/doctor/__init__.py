"""What `reelmill doctor` looks at, a file a kind; each check is a plain function that returns a Finding."""
