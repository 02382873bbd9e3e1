"""The parts of a prepare recipe: their keys, which values these take, and which do not go together."""
