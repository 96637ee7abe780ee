"""Scenarios of findings that no built-in one has."""
