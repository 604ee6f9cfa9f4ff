# A mail server. It and Exim insist on users of their own; nss_wrapper lends
# them some that only their processes see.
debian postfix libnss-wrapper
program postfix usr/lib/postfix/sbin/master
cp "$(find . -name libnss_wrapper.so)" .
