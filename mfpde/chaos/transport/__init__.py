"""Transport distances between particles and densities, along one axis, in the plane, and by directions."""
