"""Yes/no questions about boxes that are right, and about boxes that are made wrong."""
