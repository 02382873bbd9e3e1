"""The data set's folder: images and records written, interrupted runs resumed."""
