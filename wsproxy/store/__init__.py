"""
The capture: one SQLite file that the engine appends to and everybody else reads.

`schema` says what is in it, `recorder` writes it, `reader` reads it, `records` are the rows.
"""
