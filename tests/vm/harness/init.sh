#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# First program of the guest: mounts, then serves commands from the host.
# The host sends one line a job, "ID BASE64-OF-SCRIPT". The guest answers, when
# the job ends, "o ID BASE64" for each piece of its output and "x ID STATUS".
export PATH=/usr/bin:/bin HOME=/root TERM=dumb
/bin/busybox mkdir -p /proc /sys /dev /run /tmp /root /var
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm /dev/hugepages /run/agent
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t hugetlbfs hugetlbfs /dev/hugepages
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t configfs configfs /sys/kernel/config 2>/dev/null
chmod 1777 /tmp /dev/shm
chmod 666 /dev/null /dev/zero /dev/urandom
ip link set lo up

job() {
	cd /root
	sh "/run/agent/$1.sh" >"/run/agent/$1.out" 2>&1 </dev/null 3>&-
	status=$?
	base64 -w 2000 "/run/agent/$1.out" >"/run/agent/$1.b64"
	while read -r piece; do
		echo "o $1 $piece" >&3
	done <"/run/agent/$1.b64"
	echo "x $1 $status" >&3
}

port=
for dir in /sys/class/virtio-ports/*; do
	[ "$(cat "$dir/name")" = agent ] && port=/dev/${dir##*/}
done
[ -n "$port" ] || { echo "init: no port to the host"; poweroff -f; }
exec 3<>"$port"
echo "x 0 0" >&3
while read -r id script <&3; do
	echo "$script" | base64 -d >"/run/agent/$id.sh"
	job "$id" &
done
echo "init: the host hung up"
poweroff -f
