"""Logs of license servers: from an administrator's log to a site that can be replayed."""
