"""The task tree, the watchdog and the run folder."""
