"""The command line, the tour, pictures of graphs, and compilers."""
