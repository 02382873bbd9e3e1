"""How a question is asked, and how its answer becomes detections."""
