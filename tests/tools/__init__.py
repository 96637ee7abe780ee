"""What is run by hand, and takes minutes: mutants of the model, and fresh drawn scenarios."""
