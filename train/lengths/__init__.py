"""How many tokens the records of a data set have, without decoding an image, and a file that keeps it."""
