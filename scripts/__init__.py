"""What makes the files that nobody writes by hand; run `python -m scripts.regenerate`."""
