"""`python -m train.plan`: how a run is spread over GPUs, and what memory it needs."""
