"""The protocols under every schedule that can be afforded (ARCHITECTURE.md, "The model door")."""
