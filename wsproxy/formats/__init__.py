"""Sessions in other forms: one form a file."""
