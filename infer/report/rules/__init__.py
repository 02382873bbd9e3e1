"""Rules: which defects matter, how much, and what to do about them."""
