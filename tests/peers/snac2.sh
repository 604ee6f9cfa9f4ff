# A server of the Fediverse with Mastodon's API. It runs with older libraries
# than those it was made with, too.
debian_13 snac2
if ldd usr/bin/snac | grep 'not found'; then exit 1; fi
