"""From an image's objects to questions with their answers."""
