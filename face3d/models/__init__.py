"""Face models that users bring along, behind `face3d.morphable_model.MorphableModel`."""
