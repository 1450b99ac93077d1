"""stressd: a concurrent range tree under load, judged answer by answer."""

__version__ = "0.1.0"
