"""The one decode path: anything → Picture."""
