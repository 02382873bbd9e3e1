"""Boxes of a detector for a folder of pictures, as COCO results that `candidates.file` takes."""
