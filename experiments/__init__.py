"""A scenario is data; an experiment is cases x arms x replications."""
