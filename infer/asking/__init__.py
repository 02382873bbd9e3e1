"""How questions are asked, and how answers become detections."""
