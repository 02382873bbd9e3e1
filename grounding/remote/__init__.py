"""Asking a server with chat completions that is not trusted: bounded, checked, and without secrets shown."""
