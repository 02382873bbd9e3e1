"""Boxes that a head on the model's hidden states corrects and judges."""
