"""What a fine-tuning costs of old skills, measured while it trains: the sets of `grounding_keep`."""
