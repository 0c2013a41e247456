"""Where results go, and what they look like."""
