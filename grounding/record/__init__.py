"""A training record, one row of the JSONL: read, filled and checked here, for every step."""
