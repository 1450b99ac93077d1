"""What each call does: one file each, by the rules of Linux 6.18; and the steps they share."""
