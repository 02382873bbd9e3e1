"""Patches that every training run needs."""
