"""Pairs of a better and a worse answer to training questions, or the best answers, as training data."""
