#!/bin/sh
# Makes a folder the root of this mount namespace, as container runtimes do, and starts COMMAND in
# it. Not chroot: the kernel refuses user namespaces there, and the labs are user namespaces.
# Usage, in namespaces of mounts and processes of its own: enter.sh ROOT RUST LOGS COMMAND…
set -eu
root=$1 rust=$2 logs=$3
shift 3

mount --bind "$root" "$root"
cd "$root"
mount --bind "$rust" opt/rust
mount -o remount,bind,ro opt/rust
mount --bind "$logs" logs
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o nosuid,mode=755 tmpfs dev
mkdir dev/pts dev/shm dev/net
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,mode=1777 tmpfs dev/shm
while read -r name major minor; do
	mknod -m 666 "dev/$name" c "$major" "$minor"
done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
net/tun 10 200
END
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for stream in stdin:0 stdout:1 stderr:2; do
	ln -s "/proc/self/fd/${stream#*:}" "dev/${stream%:*}"
done

mkdir -p .outside
pivot_root . .outside
cd /
umount -l /.outside
rmdir /.outside
exec "$@"
