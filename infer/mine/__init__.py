"""Hard examples: answers to training questions graded, and written as data for another round of training."""
