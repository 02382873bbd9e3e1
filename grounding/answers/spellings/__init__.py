"""How models spell boxes: in JSON, in grounding tokens, in tags, and on lines of text."""
