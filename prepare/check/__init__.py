"""`python -m prepare.check`: would training take every record of a data set as it is?"""
