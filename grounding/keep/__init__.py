"""What a fine-tuning keeps of old skills, as a run records it."""
