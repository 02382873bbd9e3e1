"""Predictions as other tools write them: COCO's results, and the texts of models with their images."""
