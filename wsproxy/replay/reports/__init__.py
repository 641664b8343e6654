"""What a comparison found, for people and for programs: one form a file, all from the same parts."""
