__version__ = "0.38.1+standin"
