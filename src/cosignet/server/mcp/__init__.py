"""What speaks the Model Context Protocol to agents. Loaded with the first of them."""
