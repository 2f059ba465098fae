"""How sensors write their events."""
