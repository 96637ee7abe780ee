"""The storm benchmark: policies beside each other in storms, scored with intervals that hold all at once."""
