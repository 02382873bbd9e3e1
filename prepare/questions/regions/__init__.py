"""Questions for words about a given region, answered by what the source says of its objects."""
