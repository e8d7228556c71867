"""What a maintainer needs to train the speech model again: corpus, alignment, teacher, trainer."""
