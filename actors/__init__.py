"""The engine and the model: agents that touch each other only through messages.

Start with README.md, then `engine/loop.py`.
"""
