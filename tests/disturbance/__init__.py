"""What the chaos tests do to a server, and the callers who are to notice nothing of it."""
