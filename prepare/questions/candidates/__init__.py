"""Boxes of a detector below questions: listed, made wrong on purpose in training, named by answers."""
