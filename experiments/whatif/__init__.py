"""What would have become of a site's users with other licenses, time-outs, caps, servers and outages."""
