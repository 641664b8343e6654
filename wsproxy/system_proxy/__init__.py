"""
The proxy in the settings of the system, for programs that look for it there; taken back to the letter.

    switch      on, off, and what is on
    settings    what every kind of system is asked for
    gnome, kde, macos, windows    the kinds
"""
