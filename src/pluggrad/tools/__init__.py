"""The command line, the tour, pictures of graphs, and set-up for compilers that read code."""
