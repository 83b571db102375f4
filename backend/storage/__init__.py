"""Model files on disk: index, list, deletion and hashes."""
