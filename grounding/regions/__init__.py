"""Questions about a given region whose answer is words: how it is shown, and the mark of their records."""
