"""Many files, or one long one: find them, plan the work, run it here, in processes or on a cluster."""
