"""Completion in the shells: what a TAB offers, and the scripts for it."""
