"""Pictures of images with their boxes: truth, predictions, and how the two compare."""
