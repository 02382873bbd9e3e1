"""Tensor parallelism between CPU processes: Paddle's collectives for it exist on GPUs only."""
