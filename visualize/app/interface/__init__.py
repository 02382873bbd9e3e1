"""The page that visitors see: its layout, and what its buttons do."""
