"""The grammar of answers over a tokenizer's tokens: which may come next, and which must."""
