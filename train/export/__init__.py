"""`python -m train.export`: a finished run as a Hugging Face folder."""
