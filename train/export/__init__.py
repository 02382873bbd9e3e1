"""`python -m train.export`: write a finished run as a Hugging Face folder."""
