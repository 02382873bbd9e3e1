"""Phrases for one object of an image, computed from boxes, labels and attributes: `the leftmost dog`."""
