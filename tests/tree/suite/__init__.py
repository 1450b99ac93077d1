"""What a tree of ranges must withstand, group by group; CHECKLIST.md says which is where."""
