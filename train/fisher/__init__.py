"""The diagonal Fisher information of a checkpoint, which grounding_ewc needs."""
