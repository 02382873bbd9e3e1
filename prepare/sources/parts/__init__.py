"""Pieces of one format each: YOLO's label lines and names file, COCO's masks, the objects of VOC's XML."""
