"""Several pictures beside each other: panels of one image, contact sheets, and folders of PNG files."""
