"""Answers: how objects are written for training, and how a model's text is read."""
