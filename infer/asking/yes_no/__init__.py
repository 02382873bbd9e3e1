"""A yes/no question about each box of doubtful confidence, and the score that its answer gives."""
