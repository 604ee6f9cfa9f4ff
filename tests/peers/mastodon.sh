# Mastodon's API without a server behind it, and a client to compare with.
python mastodon_mock==0.6.1 Mastodon.py==2.3.3
