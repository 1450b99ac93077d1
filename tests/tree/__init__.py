"""MapleTree against an interval model that is obviously right."""
