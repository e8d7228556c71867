"""Plain shaded pictures of meshes and fits, to look at."""
