"""Small networks that read the hidden states of a model, and are saved apart from it."""
