"""Every socket that this program opens to somebody else."""
