"""Questions that show views of their picture: crops at full resolution beside the whole."""
