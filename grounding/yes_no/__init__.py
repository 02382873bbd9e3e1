"""Yes/no questions about a box: how the box is shown, what is answered, and the mark of their records."""
