"""One module a revision, oldest first. A released revision is never edited: add the next."""
