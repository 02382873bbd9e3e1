"""The parts of a record of another trainer: its turns, its boxes, and the names that belong to them."""
