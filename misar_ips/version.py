"""The version, which the packages and the program share."""

__version__ = "0.1.0"
