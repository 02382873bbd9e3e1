"""Helpers that several patches use."""
