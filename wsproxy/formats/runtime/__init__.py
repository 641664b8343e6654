"""What scripts of ours need at run time. It is written into them: they stand alone."""
