"""Array libraries: what is known of each, and how to find the library of an array."""
