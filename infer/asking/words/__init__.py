"""Questions for words about a region: read from a data set, and asked."""
