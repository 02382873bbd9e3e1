"""Boxes of a detector beside a question: listed with numbers, which answers name, correct, or do without."""
