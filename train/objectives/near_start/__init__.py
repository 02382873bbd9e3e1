"""Quadratic penalties that keep a training near its start: L2-SP and elastic weight consolidation."""
