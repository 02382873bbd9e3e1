"""Asking servers many questions: the budget, the log of answers, and runs that resume."""
