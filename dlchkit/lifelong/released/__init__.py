"""DLCH's demo as its authors released it, and its bugs, each of which can be fixed by name."""
