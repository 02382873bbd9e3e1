"""What several source formats need: file patterns, ids, hubs, box checks."""
