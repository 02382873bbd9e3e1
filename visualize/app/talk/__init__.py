"""Click and talk: an object that a visitor clicks on, and the conversation about it."""
