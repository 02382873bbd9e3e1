"""What is asked about regions, and the asking: the questions, the budget, the log of answers."""
