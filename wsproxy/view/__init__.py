"""What every viewer needs to show a capture, in lines and on screens, besides the words."""
