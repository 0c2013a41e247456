"""What each command does, one file each, called as the user calls it."""
