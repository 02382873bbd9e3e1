"""The steps of the check, one file for each kind: what it runs, and how it judges what came out."""
