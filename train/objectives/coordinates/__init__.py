"""Distance-aware coordinates: a digit near the right one costs less than one far away."""
