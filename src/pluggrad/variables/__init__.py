"""Variables, which users hold, and the namespaces of functions on them."""
