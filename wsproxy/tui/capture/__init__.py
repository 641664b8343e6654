"""
The capture as screens see it: a window on it, never the whole.

Whatever the size of a capture, memory holds the rows that are near the screen, a bit for each frame that
a filter found, and some numbers for each connection.
"""
