"""One picture: its pixels, the boxes and labels drawn on it, and their colours."""
