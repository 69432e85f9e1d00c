"""Tables as files: made in the background by what their owner may see, kept for a week, fetched by nobody else."""
