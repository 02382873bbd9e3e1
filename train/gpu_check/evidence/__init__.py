"""What the steps leave behind, read back: weights, losses, answers, adapters."""
