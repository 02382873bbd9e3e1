"""Records that were encoded once (`python -m train.cache`), and are read from the disk in training."""
