"""Pictures that visitors upload: received, stored within limits, and read back by their own session."""
