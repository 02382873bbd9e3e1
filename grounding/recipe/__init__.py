"""Recipes: YAML files with a dataclass as schema, and the `RECIPE [key=value ...]` command line."""
