"""The nouns that every step shares: boxes, samples, prompts, answers, the data set card."""
