"""What each engine makes of the questions: Paddle, transformers, and a server."""
