"""How near a rendered picture or video is to a real one: figures of pixels and landmarks, without any net."""
