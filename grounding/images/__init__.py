"""What every step must agree on about image files."""
