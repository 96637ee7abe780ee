"""Clients, servers and the site server: agents that touch each other only through messages.

Start with `world.py` (the state), `client.py`, `server.py`, `site.py` (the model) and `engine.py` (the loop).
"""
