"""What devices were used for, and what that costs."""
