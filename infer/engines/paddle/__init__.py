"""The engine that runs a checkpoint on PaddlePaddle."""
