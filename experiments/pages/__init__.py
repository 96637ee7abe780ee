"""A report as one file that people forward: what was found, in figures and in words."""
