"""What a folder that nobody has described holds, and the recipe that prepares it."""
