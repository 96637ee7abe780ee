"""Second opinions on what the engine does, and the properties that they hold it to."""
