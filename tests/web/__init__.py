"""The HTTP side: routes, addresses and their trouble, a clean end."""
