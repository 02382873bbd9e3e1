"""What a run found, as every step after inference reads it, and the annotations that it is scored against."""
