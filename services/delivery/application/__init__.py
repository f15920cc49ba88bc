"""What delivery does, against ports."""
