"""The grammar of answers: which texts are answers in the project's own form, symbol by symbol."""
