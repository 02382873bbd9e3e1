"""Reinforcement learning by group relative advantages: the model learns from its own answers.

Sources: Shao et al., DeepSeekMath (arXiv 2402.03300): advantages relative to the answers to one question; Liu
et al., Dr.GRPO (2503.20783): no division by the answers' length or the group's deviation; Yu et al., DAPO
(2503.14476): a higher upper clip, and groups without a difference are replaced; ViSurf (2510.10606): the
truth takes part where a whole group fails.
"""
