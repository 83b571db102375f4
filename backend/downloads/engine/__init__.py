"""Downloads one file, and verifies it if its hash is known. Independent of the queue, the database and transfers."""
