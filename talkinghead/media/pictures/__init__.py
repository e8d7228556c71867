"""Photos of every kind: their content, colours, sizes and faults."""
