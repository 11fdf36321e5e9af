"""Recording and walking: levels, graphs, primitives, and the two directions of the chain rule."""
