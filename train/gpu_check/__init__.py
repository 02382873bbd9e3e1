"""`python -m train.gpu_check`: the first hour on a machine with GPUs, as one program."""
