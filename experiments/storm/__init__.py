"""The storm benchmark: policies side by side in storms, scored with intervals that all hold at once."""
