"""gridmap: who covers which building, and which ground no camera sees."""

__version__ = "0.1.0"
