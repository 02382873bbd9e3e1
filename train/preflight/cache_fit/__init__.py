"""Whether a cache of encoded records fits a recipe."""
