class TrainingError(Exception):
    """One sentence for the person who started the training."""
