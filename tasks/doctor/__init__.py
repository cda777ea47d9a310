"""The checks of `reelmill doctor`, one module per subject. Each check is a plain function that returns a Finding."""
