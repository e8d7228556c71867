"""Face models that users bring along, behind `face3d.model.morphable_model.MorphableModel`."""
