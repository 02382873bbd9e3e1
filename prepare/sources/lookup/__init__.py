"""Finding what annotation files name: image files, and text in the encodings that tools write."""
