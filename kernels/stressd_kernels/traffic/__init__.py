"""Traffic: what the threads of processes ask of their address spaces, made up as a mix says.

layout   words of a worker, rows of the tables     space   which address space; seats for forks
pick     a mapping to have something to do with    draws   arguments of each kind of call
asking   how a call is made, and what it answered  certify what an entry of their trees must be
recorded the rows of a recording, as calls

The entry that draws is sources/address_spaces.py; the operations are files of ops/.
"""
