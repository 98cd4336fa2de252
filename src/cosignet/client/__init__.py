"""What runs at the customer's side. Python's standard library only."""
