"""One run, from the command line to its exit code.

command     the command line            job         what is to be run, and with what
session     the phases of a run         supervisor  its task tree
watchdog    is everybody moving?        signals     what the user asks meanwhile
events      what can happen             board       what is known while it lasts
conclusion  the oracles are asked       runfolder   whole, or plainly marked as not
logs        lines for later
"""
