"""Boxes and labels drawn on pictures, and pictures arranged on sheets."""
