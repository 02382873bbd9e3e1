"""Suites: lists of sets to measure a checkpoint on, read by training's check and by inference."""
