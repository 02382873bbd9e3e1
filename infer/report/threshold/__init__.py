"""The threshold of pass and fail, chosen on a validation set."""
