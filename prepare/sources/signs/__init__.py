"""What names and heads of files tell about a folder that nobody has described."""
