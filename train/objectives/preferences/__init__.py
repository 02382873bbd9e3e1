"""Learning from pairs of answers to one question: the chosen one becomes likelier than the rejected one."""
