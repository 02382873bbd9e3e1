"""What the files of annotation tools share: entries of images, splits, CSV and JSON, pickles without code."""
