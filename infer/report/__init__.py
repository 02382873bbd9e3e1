"""`python -m infer.report`: inspect pictures by rules: defects, severities, pass or fail, and a summary."""
