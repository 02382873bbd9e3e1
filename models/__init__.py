"""What is particular to a model family, behind one Protocol (family.py)."""
