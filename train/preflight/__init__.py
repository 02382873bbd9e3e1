"""The checks of a train recipe before any process starts."""
