"""talkinghead"""
