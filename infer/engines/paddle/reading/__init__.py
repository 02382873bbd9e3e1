"""Reading of prompts: an image is encoded and read once, whatever the number of questions about it."""
