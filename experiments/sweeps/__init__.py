"""One scenario, many settings: points, the worlds they make, and where the results are kept."""
