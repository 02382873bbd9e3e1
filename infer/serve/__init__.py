"""`python -m infer.serve`: a checkpoint behind OpenAI's chat completions."""
