"""Meterstorm for programs and notebooks, beside `load` and `run`: sweeps, and a world step by step."""
