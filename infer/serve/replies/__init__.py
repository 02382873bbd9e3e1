"""What a client may ask of an answer, and the answer as OpenAI's servers send it."""
