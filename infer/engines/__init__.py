"""Models that answer questions, behind one Protocol (protocol.py)."""
