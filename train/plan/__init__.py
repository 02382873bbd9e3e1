"""`python -m train.plan`: how a run is spread over GPUs, and how much memory it needs."""
