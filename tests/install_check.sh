#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What a user of the installed files relies on: install into a prefix of its own,
# copy the examples out of the tree, build them through pkg-config, run them.
#
# usage: tests/install_check.sh [BUILDDIR]    works in BUILDDIR-install
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$top/build}
mkdir -p "$build-install" || exit 1
work=$(cd "$build-install" && pwd)
prefix=$work/prefix
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT INT TERM
log=$copy/log
passed=0 failed=0 skipped=0

pass() {
	echo "PASS $1"
	passed=$((passed + 1))
}

fail() {
	echo "FAIL $1"
	[ ! -s "$log" ] || tail -n 20 "$log" | sed 's/^/     /'
	failed=$((failed + 1))
}

# check NAME COMMAND... - one line, and the end of the output if it fails
check() {
	name=$1
	shift
	: >"$log"
	if "$@" >"$log" 2>&1; then pass "$name"; else fail "$name"; fi
}

verdict() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
	exit
}

has() { # has LIBRARY.so SYMBOL - defined in the dynamic table, with our version
	objdump -T "$prefix/lib/$1" | grep -v '\*UND\*' | grep -Eq "[( ]UVDK_0\.1[) ]+$2\$"
}

# every function that a header declares is in the shared library, with our version, and in
# the static one
has_all_of() { # has_all_of HEADER
	functions=$(sed -n '/^static inline/d; s/^[a-z][a-z0-9_ ]*[ *]\(uvdk_[a-z0-9_]*\)(.*/\1/p' \
		"$prefix/include/uvdk/$1")
	[ -n "$functions" ] || { echo "$1 declares nothing"; return 1; }
	nm --defined-only "$prefix/lib/libuvdk.a" 2>/dev/null | awk '$2 == "T" { print $3 }' >"$copy/static-has"
	for f in $functions; do
		has libuvdk.so "$f" || { echo "libuvdk.so has no $f of $1"; return 1; }
		grep -qx "$f" "$copy/static-has" || { echo "libuvdk.a has no $f of $1"; return 1; }
	done
}

only_ours() { # nothing defined but uvdk_* and the name of the version
	! nm -D --defined-only "$prefix/lib/$1" | awk '{ print $3 }' |
		grep -vE '^uvdk_[a-z0-9_]+(@@?UVDK_0\.1)?$|^UVDK_0\.1(@@?UVDK_0\.1)?$'
}

# what libuvdk_net wants of uvdk_* must be what libuvdk exports
links_up() {
	nm -D --defined-only "$prefix/lib/libuvdk.so" | awk '{ sub("@.*", "", $3); print $3 }' | sort -u >"$copy/has"
	nm -D --undefined-only "$prefix/lib/$1" | awk '$2 ~ /^uvdk_/ { sub("@.*", "", $2); print $2 }' | sort -u >"$copy/wants"
	! comm -23 "$copy/wants" "$copy/has" | grep .
}

# every installed header by itself, in a language; only those of libuvdk_net find DPDK's
header_alone() {
	dpdk=$(pkg-config --cflags-only-I libdpdk 2>/dev/null | sed 's/-I/-isystem /g')
	for h in "$prefix"/include/uvdk/*.h; do
		case $(basename "$h") in
		uvdk_eal*|uvdk_netdev*) more=$dpdk ;;
		*) more= ;;
		esac
		# shellcheck disable=SC2086
		echo "#include <$(basename "$h")>" |
			$1 -fsyntax-only -Wall -Wextra -Werror -I"$prefix/include/uvdk" $more -x "$2" - || return 1
	done
}

build_examples() { # build_examples FOLDER TARGET [STATIC=1]
	rm -rf "$copy/$1"
	cp -R "$top/apps/examples" "$copy/$1" && make -C "$copy/$1" "$2" ${3:+"$3"}
}

needs() { # needs FILE: the libraries of ours that a program loads
	objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }' | grep '^libuvdk' | sort | tr '\n' ' '
}

loads() {
	got=$(needs "$1")
	echo "loads: $got"
	[ "$got" = "$2" ]
}

balanced() { # a run that ends well and says received N = forwarded N + dropped N
	"$@" | tee "$copy/out" || return 1
	awk '/^received/ { gsub("[^0-9]+", " "); ok = $1 > 0 && $1 == $2 + $3 } END { exit !ok }' "$copy/out"
}

in_prefix() { # in_prefix COMMAND... - with the installed shared libraries
	LD_LIBRARY_PATH=$prefix/lib "$@"
}

cd "$top" || exit 1
if [ ! -f "$work/build.ninja" ]; then
	check "configured for a prefix" meson setup "$work" --prefix "$prefix" --libdir lib -Dtests=disabled
fi
rm -rf "$prefix"
check "built" ninja -C "$work"
check "installed" meson install -C "$work" --no-rebuild
[ "$failed" = 0 ] || verdict

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
net=
[ ! -f "$prefix/lib/libuvdk_net.so" ] || net=yes

check "libuvdk.pc knows version, flags and private libraries" sh -ec '
	pkg-config --exact-version=0.1.0 libuvdk
	pkg-config --cflags libuvdk | grep -q "include/uvdk"
	pkg-config --static --libs libuvdk | grep -q -- -lpci
	pkg-config --static --libs libuvdk | grep -q -- -lnuma'
check "libuvdk exports uvdk_device_open@UVDK_0.1" has libuvdk.so uvdk_device_open
for header in hwpt topology viommu inval mapq pgtable pgtable_arena cdtable follow sva sva_cdev inspect; do
	check "libuvdk, shared and static, has all of uvdk_$header.h" has_all_of "uvdk_$header.h"
done
check "libuvdk exports nothing else" only_ours libuvdk.so
check "every public function is documented" "$top/doc/kdoc" --check
check "libuvdk.so.0 is the soname" sh -c "objdump -p '$prefix/lib/libuvdk.so' | grep -q 'SONAME *libuvdk.so.0'"
check "headers stand alone in C" header_alone "${CC:-cc}" c
if command -v "${CXX:-c++}" >/dev/null; then
	check "headers stand alone in C++" header_alone "${CXX:-c++}" c++
fi
check "examples that need no DPDK: build, shared" build_examples shared core
check "the same: build, static" build_examples static core STATIC=1
for example in edu sva tenants; do
	[ -d "$top/apps/examples/$example" ] || continue
	check "$example: loads libuvdk" loads "$copy/shared/$example/$example" "libuvdk.so.0 "
	check "$example: runs, shared" in_prefix "$copy/shared/$example/$example"
	check "$example: loads nothing of ours" loads "$copy/static/$example/$example" ""
	check "$example: runs, static" "$copy/static/$example/$example"
done

if [ "$net" ]; then
	check "libuvdk_net exports uvdk_netdev_open@UVDK_0.1" has libuvdk_net.so uvdk_netdev_open
	check "libuvdk_net exports nothing else" only_ours libuvdk_net.so
	check "libuvdk_net finds all it wants in libuvdk" links_up libuvdk_net.so
	check "every public function is in a library" "$top/doc/kdoc" --exported \
		"$prefix/lib/libuvdk.so" "$prefix/lib/libuvdk_net.so"
	check "forward, C and C++: build, shared" build_examples shared net
	check "forward, C: loads both libraries" loads "$copy/shared/forward/forward-c" "libuvdk.so.0 libuvdk_net.so.0 "
	check "forward, C: runs, shared" in_prefix balanced "$copy/shared/forward/forward-c"
	check "forward, C++: runs, shared" in_prefix balanced "$copy/shared/forward/forward-cpp"
	check "forward, C and C++: build, static" build_examples static net STATIC=1
	check "forward, C: loads nothing of ours" loads "$copy/static/forward/forward-c" ""
	check "forward, C: runs, static" balanced "$copy/static/forward/forward-c"
	check "forward, C++: runs, static" balanced "$copy/static/forward/forward-cpp"
	check "uvdk-testpmd is installed and forwards" in_prefix "$prefix/bin/uvdk-testpmd" \
		--no-huge --no-shconf -m 128 -- --auto-start --duration 1
else
	echo "no DPDK: libuvdk_net and its examples are left out"
fi
check "uvdk-devbind is installed and shows devices" in_prefix "$prefix/sbin/uvdk-devbind" --status
check "uvdk-iommuctl is installed and shows a device" in_prefix "$prefix/sbin/uvdk-iommuctl" caps emu:edu
check "uvdk-dma-perf is installed and reads its sample" in_prefix "$prefix/bin/uvdk-dma-perf" \
	--list --config "$prefix/share/doc/uvdk/dma-perf.ini"
check "manual pages are installed" sh -c "
	ls '$prefix'/share/man/man1/uvdk-bench.1 '$prefix'/share/man/man1/uvdk-dma-perf.1 \
		'$prefix'/share/man/man8/uvdk-devbind.8 \
		'$prefix'/share/man/man8/uvdk-iommuctl.8"
verdict
