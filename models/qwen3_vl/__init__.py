"""Qwen3-VL, dense and mixture of experts, over PaddleFormers' plain Paddle classes."""
