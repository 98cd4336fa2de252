"""The verbs. Each owns its transaction; none knows another, HTTP, or SQL."""
