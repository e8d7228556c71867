"""How near a rendered picture or a fitted face is to a real one."""
