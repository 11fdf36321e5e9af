"""The handle that users hold, and the namespaces of functions on it."""
