"""The overview: what needs attention, what runs now, and how the machine is. Reads from every feature, owns no data."""
