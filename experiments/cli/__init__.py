"""The command line: from what a user types to what the other rooms do."""
