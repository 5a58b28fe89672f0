"""Exchange with other libraries, each in a file of its own."""
