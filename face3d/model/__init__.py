"""The morphable head: shapes, parts, landmarks, ARKit's names; other people's models in `plugins`."""
