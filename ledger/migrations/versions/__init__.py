"""One file a version; the name begins with its number."""
