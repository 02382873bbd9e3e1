"""The limits of a train recipe's values: a range for every number, a list for every choice."""
