"""The built-in scenarios, one file each."""
