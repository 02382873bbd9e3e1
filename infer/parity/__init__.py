"""`python -m infer.parity`: whether the same checkpoint gives the same boxes in every engine."""
