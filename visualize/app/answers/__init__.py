"""How an answer is shown: as a picture with boxes, and as HTML."""
