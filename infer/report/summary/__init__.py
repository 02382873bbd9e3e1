"""What the report says about all pictures: counts, HTML and CSV."""
