"""What a site's log says of its users and its server, as distributions that a scenario can have."""
