"""Findings: questions that people asked in public, answered by sweeps whose results are kept beside them."""
