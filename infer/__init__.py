"""Ask a trained model a data set's questions, and score what it answers."""
