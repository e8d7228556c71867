"""The head mesh tied to a photo: driven, posed, relit, its skin drawn."""
