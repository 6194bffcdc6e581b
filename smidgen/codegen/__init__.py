"""C generation: integer graph to C99."""
