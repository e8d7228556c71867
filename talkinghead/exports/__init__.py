"""Face parameters for other tools: animated GLB, Live Link Face CSV, JSON, arrays."""
