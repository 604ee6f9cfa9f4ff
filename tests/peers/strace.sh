# Writes down the system calls of the server, in their order. What it starts
# does without its libraries.
debian strace
program strace usr/bin/strace
sed -i 's/ "\$@"/ -E LD_LIBRARY_PATH "$@"/' bin/strace
