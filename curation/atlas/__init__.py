"""A map of a version's samples: texts as vectors, vectors as clusters with names, and places on a plane."""
