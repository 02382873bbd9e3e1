"""Several sampled answers to each question of a training split, each with its reward."""
