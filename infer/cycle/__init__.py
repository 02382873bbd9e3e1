"""The cycle from a region to words and back: is a description's region found again by its words?"""
