"""A typed, asynchronous client of the API. The command line, the agents process and other pods use it."""
