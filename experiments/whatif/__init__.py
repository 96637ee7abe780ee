"""How a site's users would have fared with other licenses, time-outs, caps, servers and outages."""
