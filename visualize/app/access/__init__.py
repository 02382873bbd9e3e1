"""Who may ask what of the app: hosts, paths, passwords, and the size of requests."""
