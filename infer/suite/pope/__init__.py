"""POPE: yes/no questions about what is in pictures, asked, read and scored as published."""
