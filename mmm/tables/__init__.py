"""Tables: read, checked and typed."""
