"""Calibrated confidence: what tokens tell about a box, and how likely such boxes are right."""
