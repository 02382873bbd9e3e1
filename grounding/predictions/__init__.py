"""What a run found: predictions.jsonl, as every step after inference reads it."""
