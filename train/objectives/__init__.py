"""Training objectives beyond cross-entropy, each switched on by a key of the recipe."""
