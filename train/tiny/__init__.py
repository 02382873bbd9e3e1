"""`python -m train.tiny`: a random Qwen3-VL that trains on a CPU."""
