# A file system whose power can be cut.
debian xfsprogs
program mkfs.xfs sbin/mkfs.xfs
program xfs_io usr/sbin/xfs_io
