"""Figures as SVG, from numbers alone: knows nothing of scenarios, runs or pages."""
