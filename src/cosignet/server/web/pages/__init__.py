"""What people open, and what the pages' scripts call. One file a page."""
