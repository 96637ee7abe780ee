"""One scenario, many settings: points, the worlds they make, and where what came of these is kept."""
