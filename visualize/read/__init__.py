"""What pictures and pages show: ground truth, predictions, and training records, read from disk."""
