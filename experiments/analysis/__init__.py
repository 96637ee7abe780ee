"""What results say: which parameters matter, where the bad worlds are, and whether a run was long enough."""
