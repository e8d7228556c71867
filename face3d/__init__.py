"""face3d"""
