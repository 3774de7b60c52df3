"""Which data, weights and settings made which model: a table of every run, and who reads it."""
