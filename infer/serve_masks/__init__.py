"""`python -m infer.serve_masks`: masks for clicks and boxes, by a process of their own."""
