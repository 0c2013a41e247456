"""The configuration file and the environment, read and written."""
