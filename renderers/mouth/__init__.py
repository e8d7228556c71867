"""The inside of the mouth: drawn from the mesh's teeth, tongue and cavity, shaded by a small network, per frame."""
