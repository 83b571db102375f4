"""Every setting, each with its help sentence."""
